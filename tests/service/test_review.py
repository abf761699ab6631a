"""The review queue over HTTP and on the page: three streams, who is asked, and what becomes of answers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models import Analysis, Doubt, Review
from service import repository
from service.analyse import Desk
from service.commands.backfill import backfill
from service.database import open_engine, read, write
from service.records import CommentRecord
from service.review import audit_repository
from service.review.lots import lot
from service.review.tables import audit_draw, doubt
from service.routes.review import Agreements, ReviewItems
from service.settings import Settings
from service.tables import comment
from tests.recount import assert_exact

LABELS = tuple(label.id for label in models.load("weightless").taxonomy.labels)
BILL = {"id": "b", "text": "Agent was kind but nobody ever fixed my bill.", "touchpoint": "support"}
BOTH = {"present": ["easy_to_use"], "absent": ["easy_to_use"]}
START = datetime(2026, 11, 1, tzinfo=UTC)
Make = Callable[..., Any]


@pytest.fixture
def keep(engine_of: Engine, make_record: Callable[..., CommentRecord], make_analysis: Make) -> Make:
    """Stores a comment whose analysis has these doubts (label to distance from the threshold)."""

    def keep(id: str, text: str = "The app.", rate: float = 0, twice: float = 0, **found: Any) -> None:
        doubts = found.pop("doubts", {})
        near = tuple(Doubt(label, 0.5 + margin, 0.5) for label, margin in doubts.items())
        analysis = make_analysis(**found)
        analysis = Analysis(**{name: getattr(analysis, name) for name in Analysis.__slots__} | {"review": Review(False, (), near)})  # noqa: E501  # fmt: skip
        record = make_record(id=id, text=text)
        with write(engine_of) as conn:
            outcome = repository.save(conn, record, analysis, START)
            audit_repository.draw(conn, [(record, analysis)], [outcome], rate=rate, twice=twice)

    return keep


def upcoming(client: TestClient, stream: str, annotator: str = "anna", limit: int = 10) -> list[str]:
    answer = client.get(
        "/v1/review", params={"stream": stream, "annotator": annotator, "limit": limit}
    ).json()
    ReviewItems.model_validate(answer)
    return [item["id"] for item in answer["items"]]


def say(client: TestClient, stream: str, id: str, actor: str = "anna", **said: Any) -> Any:
    return client.post("/v1/review", json={"stream": stream, "id": id, "actor": actor} | said)


def test_the_uncertain_ones_come_rare_labels_first_and_no_copies(client: TestClient, keep: Make) -> None:
    texts = ["The parcel was late again.", "Nobody rang me back.", "Prices are fair."]
    for number in range(3):
        keep(f"sure{number}", f"Sure {texts[number]}", issues=["poor_communication"])
    keep("common", texts[0], doubts={"poor_communication": 0.01})
    keep("far", texts[1], doubts={"lack_of_omnichannel": 0.1})
    keep("near", texts[2], doubts={"lack_of_omnichannel": -0.02, "easy_to_use": 0.03})
    keep("copy", "The parcel was late, again! 77", doubts={"poor_communication": 0.02})
    found = upcoming(client, "uncertain")
    # One of each label in turn: easy_to_use and lack_of_omnichannel are found nowhere, poor_communication thrice.
    assert found == ["near", "common", "far"]
    assert upcoming(client, "uncertain", limit=1) == ["near"]
    (item,) = client.get("/v1/review?stream=uncertain&limit=1").json()["items"]
    assert item["labels"] == ["lack_of_omnichannel", "easy_to_use"]
    assert item["analysis"]["review"]["doubts"][0]["id"] == "lack_of_omnichannel"


def test_many_copies_do_not_stand_before_others_and_come_in_the_end(client: TestClient, keep: Make) -> None:
    for number in range(60):
        keep(f"copy{number:02}", f"It was ok. {number}", doubts={"unmet_expectations": 0.01})
    others = ["The courier left it outside.", "My invoice has another name.", "They moved it again."]
    for number, text in enumerate(others):
        keep(f"other{number}", text, doubts={"unmet_expectations": 0.05})
    found = ["other0", "other1", "other2"]
    assert upcoming(client, "uncertain", limit=4) == ["copy00", *found]
    say(client, "uncertain", "copy00", absent=["unmet_expectations"])
    assert upcoming(client, "uncertain", limit=1) == found[:1]
    for id in found:
        assert say(client, "uncertain", id, absent=["unmet_expectations"]).status_code == 200
    assert upcoming(client, "uncertain", limit=2) == ["copy01", "copy02"]


def test_an_answer_is_a_correction_and_settles_it(
    client: TestClient, keep: Make, engine_of: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = client.app.state.parts  # type: ignore[attr-defined]
    object.__setattr__(parts, "settings", parts.settings.model_copy(update={"review_twice": 0.0}))
    keep("a", doubts={"easy_to_use": 0.01, "poor_communication": 0.02})
    keep("b", "Something else.", doubts={"easy_to_use": 0.05})
    answer = say(client, "uncertain", "a", present=["easy_to_use"], absent=["poor_communication"])
    assert answer.json() == {"outcome": "created"}
    assert say(
        client, "uncertain", "a", present=["easy_to_use"], absent=["poor_communication"]
    ).json() == {"outcome": "replayed"}  # fmt: skip
    assert say(client, "uncertain", "a", absent=["easy_to_use"]).json()["code"] == "already_answered"
    comment = client.get("/v1/comments/a").json()
    assert comment["labels"]["strengths"] == [{"id": "easy_to_use", "by": "person"}]
    assert comment["corrections"][0]["source"] == "review"
    assert upcoming(client, "uncertain") == upcoming(client, "uncertain", "ben") == ["b"]
    # A correction by another way settles its labels as well.
    client.post("/v1/comments/b/corrections", json={"labels": {"remove": ["easy_to_use"]}})
    assert upcoming(client, "uncertain", "ben") == []
    with read(engine_of) as conn:
        assert_exact(conn)


def test_two_people_are_asked_and_differ_and_a_third_settles_it(client: TestClient, keep: Make) -> None:
    parts = client.app.state.parts  # type: ignore[attr-defined]
    object.__setattr__(parts, "settings", parts.settings.model_copy(update={"review_twice": 1.0}))
    keep("a", doubts={"easy_to_use": 0.01})
    say(client, "uncertain", "a", "anna", present=["easy_to_use"])
    assert (upcoming(client, "uncertain", "anna"), upcoming(client, "uncertain", "ben")) == ([], ["a"])
    say(client, "uncertain", "a", "ben", absent=["easy_to_use"])
    assert upcoming(client, "uncertain", "carl") == []
    # Not for the one who raised it.
    assert (upcoming(client, "disputed", "ben"), upcoming(client, "disputed", "carl")) == ([], ["a"])
    (item,) = client.get("/v1/review?stream=disputed&annotator=carl").json()["items"]
    assert (item["labels"], item["disputes"]) == (["easy_to_use"], {"easy_to_use": "annotators"})
    say(client, "disputed", "a", "carl", present=["easy_to_use"])
    assert upcoming(client, "disputed", "dora") == []
    assert client.get("/v1/comments/a").json()["labels"]["strengths"][0]["id"] == "easy_to_use"
    agreements = client.get("/v1/review/agreement").json()
    Agreements.model_validate(agreements)
    (uncertain,) = (one for one in agreements["streams"] if one["stream"] == "uncertain")
    assert (uncertain["n"], uncertain["annotators"], uncertain["alpha"]) == (1, ["anna", "ben"], 0.0)


def test_who_was_overruled_is_heard_again(client: TestClient, keep: Make) -> None:
    keep("a", issues=["poor_communication"])
    for actor, verdict in (("anna", "add"), ("ben", "remove")):
        said = {"labels": {verdict: ["poor_communication"]}, "actor": actor}
        client.post("/v1/comments/a/corrections", json=said)
    assert upcoming(client, "disputed", "anna") == ["a"]
    assert say(client, "disputed", "a", "anna", present=["poor_communication"]).json() == {
        "outcome": "created"
    }
    assert client.get("/v1/comments/a").json()["labels"]["issues"][0]["id"] == "poor_communication"


def test_a_person_against_a_model_that_was_sure(client: TestClient, keep: Make) -> None:
    keep("sure", issues=["poor_communication"])
    keep("unsure", "Another.", issues=["poor_communication"], doubts={"poor_communication": 0.1})
    for id in ("sure", "unsure"):
        said = {"labels": {"remove": ["poor_communication"]}, "actor": "anna"}
        client.post(f"/v1/comments/{id}/corrections", json=said)
    assert upcoming(client, "disputed", "ben") == ["sure"]
    (item,) = client.get("/v1/review?stream=disputed&annotator=ben").json()["items"]
    assert item["disputes"] == {"poor_communication": "model"}


def test_the_audit_is_blind_and_changes_nothing(client: TestClient, keep: Make, engine_of: Engine) -> None:
    keep("a", "Kind words.", rate=1, issues=["poor_communication"], doubts={"easy_to_use": 0.01})
    keep("not drawn", "Other words.", doubts={"easy_to_use": 0.02})
    (item,) = client.get("/v1/review?stream=audit&annotator=anna").json()["items"]
    assert (item["analysis"], item["disputes"], item["labels"]) == (None, {}, list(LABELS))
    assert "poor_communication" not in str(item | {"labels": None})
    # What measures is not offered for training.
    assert upcoming(client, "uncertain") == ["not drawn"]
    before = client.get("/v1/comments/a").json()
    assert say(client, "audit", "a", present=["easy_to_use"]).json() == {"outcome": "created"}
    assert client.get("/v1/comments/a").json() == before
    assert upcoming(client, "audit") == []
    assert say(client, "audit", "not drawn").json()["code"] == "not_in_stream"
    assert say(client, "audit", "a", present=[]).json()["code"] == "already_answered"
    with read(engine_of) as conn:
        found = audit_repository.audited(conn, "default", LABELS)
    assert len(found) == len(LABELS)
    assert set(found.touchpoint) == {"*"}
    assert dict(zip(found.label, found.y, strict=True))["easy_to_use"] == 1
    assert dict(zip(found.label, found.f, strict=True))["poor_communication"] == 1
    assert (found.y.sum(), found.f.sum(), set(found.pi), set(found.model_version)) == (1, 1, {1.0}, {"m1"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 422, "invalid_type"),
        ({"stream": "other", "id": "b"}, 422, "invalid_value"),
        ({"stream": "audit"}, 422, "missing_field"),
        ({"stream": "uncertain", "id": "b"}, 422, "empty_correction"),
        ({"stream": "uncertain", "id": "b", "present": ["slow_food"]}, 422, "unknown_label"),
        ({"stream": "audit", "id": "b", "present": ["slow_food"]}, 422, "unknown_label"),
        ({"stream": "disputed", "id": "b", **BOTH}, 422, "contradictory_labels"),
        ({"stream": "uncertain", "id": "b", "present": ["easy_to_use"], "sentiment": "odd"}, 422, "invalid_value"),
        ({"stream": "uncertain", "id": "none", "present": ["easy_to_use"]}, 404, "unknown_comment"),
        ({"stream": "uncertain", "id": "e", "present": ["easy_to_use"]}, 409, "not_analyzed"),
        ({"stream": "uncertain", "id": "b\0", "present": ["easy_to_use"]}, 422, "invalid_value"),
        ({"stream": "audit", "id": "b" * 129}, 422, "invalid_value"),
    ],
)  # fmt: skip
def test_what_is_refused(client: TestClient, body: Any, status: int, code: str) -> None:
    client.post("/v1/comments", json={"comments": [BILL, {"id": "e", "text": "👍"}]})
    answer = client.post("/v1/review", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/v1/corrections").json()["corrections"] == []
    assert client.get("/v1/review").json()["code"] == "missing_field"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"present": ["slow_food"]}, "present"),
        ({"absent": ["slow_food"]}, "absent"),
        ({"absent": ["easy_to_use", "easy_to_use"]}, "absent"),
        (BOTH, "present"),
        ({}, "present"),
        ({"present": ["easy_to_use"], "sentiment": "odd"}, "sentiment"),
    ],
)
def test_what_is_refused_is_told_by_the_names_of_an_answer(
    client: TestClient, said: dict[str, Any], field: str
) -> None:
    client.post("/v1/comments", json={"comments": [BILL]})
    answer = client.post("/v1/review", json={"stream": "disputed", "id": "b"} | said)
    assert "labels" not in answer.json()["detail"]
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_the_draw_is_the_same_whoever_draws_and_goes_with_the_comment(
    client: TestClient, keep: Make, engine_of: Engine
) -> None:
    def drawn() -> dict[str, tuple[float, int]]:
        query = sa.text(
            "SELECT c.id, d.probability, d.wanted FROM audit_draw d JOIN comment c ON c.key = d.comment_key"
        )
        with read(engine_of) as conn:
            return {id: (float(p), wanted) for id, p, wanted in conn.execute(query)}

    for number in range(60):
        keep(f"c{number}", rate=0.3, twice=0.5)
    first = drawn()
    assert 5 < len(first) < 35
    assert {wanted for _, wanted in first.values()} == {1, 2}
    for number in range(60):
        keep(f"c{number}", rate=1.0, twice=0.5)
    # Replays are not drawn again, not even at another rate.
    assert drawn() == first
    one = next(iter(first))
    keep(one, "Other words.", rate=0.0)
    assert one not in drawn()
    keep("unread", rate=1.0, read=False)
    assert "unread" not in drawn()
    client.delete(f"/v1/comments/{min(drawn())}")
    with read(engine_of) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(audit_draw)) == len(first) - 2


def test_at_a_raised_rate_all_that_came_since_stand_for_as_many(engine: Engine, pipeline: Make) -> None:
    """Of comments that came again: whoever was drawn before would have been drawn at the new rate too."""

    def record(rate: float, **more: Any) -> None:
        settings = Settings(audit_rate=rate, model="weightless", database_url=str(engine.url))
        items = [{"id": f"c{number}", "text": f"The app crashes {number}."} | more for number in range(200)]
        assert not Desk(engine, pipeline.analyze, settings).record(items).errors  # type: ignore[attr-defined]

    def rates() -> dict[float, int]:
        query = sa.select(audit_draw.c.probability, sa.func.count()).group_by(audit_draw.c.probability)
        with read(engine) as conn:
            return {rate: count for rate, count in conn.execute(query)}

    record(0.3)
    first = rates()[0.3]
    record(0.6, scores={"nps": 2})
    assert (set(rates()), rates()[0.6] > first) == ({0.6}, True)
    raised = rates()
    record(0.1, scores={"nps": 3})
    assert rates() == raised


def test_lots_are_uniform_and_differ_by_purpose() -> None:
    lots = [lot(b"salt", "audit", "t", f"c{number}") for number in range(4_000)]
    assert abs(sum(one < 0.1 for one in lots) / 4_000 - 0.1) < 0.02
    others = [lot(b"salt", "twice", "t", f"c{number}") for number in range(4_000)]
    assert abs(sum(a < 0.5 and b < 0.5 for a, b in zip(lots, others, strict=True)) / 4_000 - 0.25) < 0.03
    assert (
        lot(b"salt", "audit", "t", "a") == lot(b"salt", "audit", "t", "a") != lot(b"other", "audit", "t", "a")
    )


def test_a_new_model_has_new_doubts_but_none_where_a_person_has_been(
    client: TestClient, keep: Make, engine_of: Engine
) -> None:
    for id, label in (("a", "easy_to_use"), ("b", "poor_communication")):
        keep(id, f"{id} words", doubts={label: 0.01})
    client.post("/v1/comments/a/corrections", json={"labels": {"add": ["easy_to_use"]}})
    with read(engine_of) as conn:
        old = repository.outdated(conn, "default", "weightless-2", 5)
    analyses = models.load("weightless").analyze([models.Comment("It is fine, but late.") for _ in old])
    with write(engine_of) as conn:
        repository.reanalyze(conn, list(zip(old, analyses, strict=True)))
        keys = set(conn.scalars(sa.select(doubt.c.comment_key)))
    (b_key,) = (one.key for one in old if one.record.id == "b")
    assert keys <= {b_key}


def test_the_page_is_answered_with_the_keyboard(client: TestClient, keep: Make) -> None:
    assert "Nothing waits for you" in client.get("/review").text
    keep("a<b", "Kind <b>words</b>.", doubts={"easy_to_use": 0.01})
    page = client.get("/review?annotator=anna")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "Kind &lt;b&gt;words" in page.text
    assert "model 51%" in page.text
    form = {"stream": "uncertain", "annotator": "anna", "id": "a<b", "label.easy_to_use": "yes"}
    answer = client.post("/review", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/review?stream=uncertain&annotator=anna",
    )
    assert client.get("/v1/corrections").json()["corrections"][0]["actor"] == "anna"
    other_site = client.post("/review", data=form, headers={"sec-fetch-site": "cross-site"})
    assert other_site.status_code == 403
    assert client.post("/review", content=b"\xff").status_code == 422
    assert "keydown" in client.get("/static/review.js").text


def test_the_page_of_the_audit_knows_no_label_of_the_comment(client: TestClient, keep: Make) -> None:
    pages = []
    for number, found in enumerate(({"issues": ["poor_communication"]}, {"strengths": ["easy_to_use"]})):
        keep("a", f"The words {'x' * number}", rate=1, **found)
        pages.append(client.get("/review?stream=audit&annotator=anna").text)
    assert pages[0] == pages[1].replace("The words x", "The words ")
    client.post(
        "/review", data={"stream": "audit", "annotator": "anna", "id": "a", "label.easy_to_use": "yes"}
    )
    assert "Nothing waits for you" in client.get("/review?stream=audit&annotator=anna").text


def test_doubts_are_the_labels_near_their_thresholds(pipeline: models.Pipeline) -> None:
    texts = ["Agent was kind but nobody ever fixed my bill.", "The app is slow and they never answer."]
    comments = [models.Comment(text) for text in texts]
    plain, full = pipeline.analyze(comments), pipeline.analyze(comments, all_labels=True)
    for short, long in zip(plain, full, strict=True):
        near = {
            one.id
            for one in (*long.issues, *long.strengths)
            if abs(one.probability - one.threshold) < models.schema.DOUBT
        }
        assert {doubt.id for doubt in short.review.doubts} == near
        assert Analysis.from_dict(short.to_dict()) == short


def test_every_way_in_draws(
    database_url: str, tmp_path: Path, pipeline: models.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk, as over HTTP, and a job, as for files; what no model could read is not drawn."""
    values = {"DATABASE_URL": database_url, "MODEL": "weightless", "AUDIT_RATE": "1", "REVIEW_TWICE": "0"}
    for name, value in values.items():
        monkeypatch.setenv(f"LISTENWELL_{name}", value)
    engine = open_engine(database_url)
    Desk(engine, pipeline.analyze, Settings()).record([BILL, {"id": "e", "text": "👍"}])
    (tmp_path / "f.csv").write_text("id,text\nc,Checkout was easy\n")
    assert CliRunner().invoke(backfill, [str(tmp_path / "f.csv")]).exit_code == 0
    query = sa.select(comment.c.id, audit_draw.c.tags, audit_draw.c.wanted).join_from(audit_draw, comment)
    with read(engine) as conn:
        drawn = {id: (tags, wanted) for id, tags, wanted in conn.execute(query)}
    engine.dispose()
    assert set(drawn) == {"b", "c"}
    assert "unresolved_issue" in drawn["b"][0]
    assert drawn["c"] == (["easy_to_use"], 1)
