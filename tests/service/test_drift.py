"""Drift over HTTP, on the page and from the command line, on both databases."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

import models
from models.command import main
from service import repository
from service.database import write
from service.drift.answers import DriftOut
from service.records import CommentRecord
from service.review import audit_repository

END = datetime(2026, 11, 16, tzinfo=UTC)
WHO = "The agent,The bill,The app,Delivery,The shop,Support,The website,My order,The price,A refund".split(
    ","
)
HOW = (
    "was good,was rude,came late,is broken,was easy,is confusing,was wrong,was quick,crashed,was kind".split(
        ","
    )
)
WHEN = (
    "today,again,as always,on Monday,this time,in the morning,for my mother,last week,of course,here".split(
        ","
    )
)
STRANGE = [f"The flight crew lost my luggage {when}." for when in WHEN]
Store = Callable[..., None]


@pytest.fixture
def store(
    engine_of: sa.Engine, make_record: Callable[..., CommentRecord], pipeline: models.Pipeline
) -> Store:
    """Store texts as the model in force reads them, spread over the seven days before `until`."""

    def store(
        texts: Sequence[str], name: str, until: datetime = END, *, drawn: float = 0, **fields: Any
    ) -> None:
        analyses = pipeline.analyze([models.Comment(text) for text in texts])
        records = [
            make_record(
                id=f"{name}-{number}",
                text=text,
                channel=("web", "phone")[number % 2],
                occurred_at=until - timedelta(hours=1 + number % 167),
                **fields,
            )
            for number, text in enumerate(texts)
        ]
        pairs = list(zip(records, analyses, strict=True))
        with write(engine_of) as conn:
            outcomes = repository.save_all(conn, pairs, END)
            audit_repository.draw(conn, pairs, outcomes, rate=drawn, twice=0)

    return store


def usual(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, 10, (n, 3)).tolist()
    return [f"{WHO[who]} {HOW[how]} {WHEN[when]}." for who, how, when in chosen]


def before(store: Store, weeks: int = 4) -> None:
    for week in range(1, weeks + 1):
        store(usual(120, week), f"old{week}", END - timedelta(days=7 * week))


def get(client: TestClient, **asked: str) -> dict[str, Any]:
    answer = client.get("/v1/drift", params={"to": "2026-11-16", **asked})
    assert answer.status_code == 200, answer.text
    DriftOut.model_validate(answer.json())
    return dict(answer.json())


def alarms(answer: dict[str, Any]) -> dict[tuple[str | None, str], dict[str, Any]]:
    (week,) = answer["weeks"]
    return {(one["source"], one["check"]): one for one in week["alarms"]}


def test_weeks_of_one_population_are_quiet(client: TestClient, store: Store) -> None:
    before(store)
    store(usual(240, 9), "new")
    answer = get(client)
    assert (answer["from"], answer["to"], answer["by"]) == ("2026-11-09", "2026-11-16", "channel")
    (week,) = answer["weeks"]
    assert week["reference"] == {"from": "2026-09-14", "to": "2026-11-09"}
    assert week["alarms"] == []
    assert [(one["source"], one["comments"], one["reference_comments"]) for one in week["sources"]] == [
        (None, 240, 480),
        ("phone", 120, 240),
        ("web", 120, 240),
    ]
    checks = ["words", "language", "length", "scope", "scores", "probabilities"]
    assert all([one["check"] for one in source["checks"]] == checks for source in week["sources"])
    assert get(client) == answer
    assert "Nothing changed" in client.get("/drift?to=2026-11-16").text


def test_a_tenth_that_is_new_is_told_with_its_comments(
    client: TestClient, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(store)
    store(usual(216, 9), "new")
    store((STRANGE * 3)[:24], "strange")
    found = alarms(get(client))[None, "words"]
    assert {"flight", "crew", "luggage"} <= set(found["what"].split(", "))
    assert len(found["comments"]) == 10
    assert all(id.startswith("strange") for id in found["comments"])
    page = client.get("/drift?to=2026-11-16")
    assert page.status_code == 200
    assert "All comments: Words" in page.text
    assert "The flight crew lost my luggage" in page.text
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    told = CliRunner().invoke(main, ["drift", "--to", "2026-11-16"])
    assert told.exit_code == 1
    assert "all comments: words (" in told.output
    assert found["comments"][0] in told.output
    as_json = CliRunner().invoke(main, ["drift", "--to", "2026-11-16", "--json"])
    assert '"strange-' in as_json.output
    gone = found["comments"][0]
    assert client.delete(f"/v1/comments/{gone}").status_code == 204
    assert gone not in alarms(get(client))[None, "words"]["comments"]


def test_another_language_that_is_left_unread(client: TestClient, store: Store) -> None:
    before(store)
    store(usual(120, 9), "new")
    german = "Die Lieferung kam viel zu spät und niemand hat mir geholfen, ich bin sehr enttäuscht davon"
    store([f"{german} {when}." for when in ("heute", "gestern", "immer") * 10], "german")
    found = alarms(get(client))
    assert found[None, "language"]["what"] == "de"
    assert found[None, "language"]["before"] == 0.0
    assert found[None, "scope"]["what"] == "unread"
    for check in ("language", "scope"):
        assert all(id.startswith("german") for id in found[None, check]["comments"])


def test_scores_and_lengths_that_move(client: TestClient, store: Store) -> None:
    before(store)
    store(usual(100, 9), "new")
    long = "Nobody fixed my bill, and it is not resolved, not by the third person I asked about it either."
    store([f"{long} {one}" for one in usual(40, 8)], "long")
    found = alarms(get(client))
    assert found[None, "scores"]["what"] == "unresolved_issue"
    assert found[None, "scores"]["now"] > found[None, "scores"]["before"]
    assert found[None, "length"]["above"] > 30
    assert all(id.startswith("long") for id in found[None, "length"]["comments"])


def test_audits_that_differ_more_often_than_before(client: TestClient, store: Store) -> None:
    before(store, weeks=2)
    for week, (name, drawn) in enumerate({"new": 40, "past": 70}.items()):
        store(usual(drawn, 20 + week), name, END - timedelta(days=7 * week), drawn=1)
        for number in range(drawn):
            stored = client.get(f"/v1/comments/{name}-{number}").json()["analysis"]
            said = [one["id"] for group in ("issues", "strengths") for one in stored[group]]
            present = [] if name == "new" and said else said
            answer = {"stream": "audit", "id": f"{name}-{number}", "actor": "anna", "present": present}
            assert client.post("/v1/review", json=answer).status_code == 200
    store(usual(80, 30), "more")
    found = alarms(get(client))[None, "audit"]
    assert found["before"] == 0.0
    assert found["now"] > 0.3
    assert all(id.startswith("new") for id in found["comments"])


def test_what_another_model_said_is_not_compared(
    client: TestClient, engine_of: sa.Engine, store: Store
) -> None:
    before(store)
    store(usual(120, 9), "new")
    parts = client.app.state.parts  # type: ignore[attr-defined]
    with write(engine_of) as conn:
        old = sa.text("UPDATE analysis SET body = REPLACE(CAST(body AS TEXT), 'weightless-1', 'lw-old')")
        if conn.dialect.name == "postgresql":
            old = sa.text("UPDATE analysis SET body = REPLACE(body::text, 'weightless-1', 'lw-old')::json")
        conn.execute(old)
    assert parts.rules.model_version == "weightless-1"
    (week,) = get(client)["weeks"]
    assert [one["check"] for one in week["sources"][0]["checks"]] == ["words", "language", "length"]


def test_by_touchpoint_and_over_several_weeks(client: TestClient, store: Store) -> None:
    before(store)
    store(usual(120, 9), "new", touchpoint="counter")
    store(usual(240, 5), "older", END - timedelta(days=35), touchpoint="counter")
    answer = get(client, **{"from": "2026-11-02", "by": "touchpoint"})
    assert [one["from"] for one in answer["weeks"]] == ["2026-11-02", "2026-11-09"]
    assert "counter" in {one["source"] for one in answer["weeks"][1]["sources"]}


def test_of_many_comments_a_part_is_looked_at(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.drift.watching.MOST_NEW", 150)
    monkeypatch.setattr("service.drift.watching.MOST_OLD", 300)
    before(store)
    store(usual(300, 9), "new")
    whole = get(client)["weeks"][0]["sources"][0]
    assert 120 < whole["comments"] < 180
    assert 250 < whole["reference_comments"] < 350


def test_without_comments(client: TestClient) -> None:
    (week,) = get(client)["weeks"]
    nothing = {"source": None, "comments": 0, "reference_comments": 0, "checks": []}
    assert (week["sources"], week["alarms"]) == ([nothing], [])
    told = "Too few comments to compare: 0 in this week and 0 in the eight before; it takes 100 and 200."
    assert told in client.get("/drift").text


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"from": "2026-11-10"}, "from"),
        ({"from": "2026-11-16"}, "from"),
        ({"from": "2026-08-17"}, "from"),
        ({"to": "0001-02-01"}, "from"),
        ({"to": "0001-01-02"}, "from"),
        ({"to": "soon"}, "to"),
        ({"by": "planet"}, "by"),
        ({"week": "1"}, "week"),
    ],
)
def test_what_cannot_be_asked(client: TestClient, asked: dict[str, str], names: str) -> None:
    answer = client.get("/v1/drift", params={"to": "2026-11-16", **asked})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{names}:")
