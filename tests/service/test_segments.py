"""Segments from the comments say the same as daily sums do, on both databases, for values of every kind."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from models import Analysis
from service import repository
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import write
from service.metrics import segments
from service.metrics.answers import SegmentsOut
from service.records import CommentRecord

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
FOUND: tuple[dict[str, Any], ...] = (
    {"sentiment": 0.5123, "issues": ["unresolved_issue"], "strengths": ["easy_to_use"], "effort": 0.3071},
    {"sentiment": -0.25, "empathy": -0.7777, "loyalty": -0.1, "version": "older"},
    {"sentiment": None, "no_content": True},
    {"read": False},
    {"sentiment": 0.0, "issues": ["unresolved_issue", "lack_of_empathy"], "empathy": 1.0},
)


@pytest.fixture
def filled(
    client: TestClient,
    engine_of: sa.Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., Analysis],
) -> TestClient:
    """350 comments of 7 days: two touchpoints, two regions, some without."""
    regions: list[dict[str, Any]] = [
        {"region": "north"},
        {"region": "söuth"},
        {},
        {"region": None},
        {"region": 3},
    ]
    pairs = [
        (
            make_record(
                id=f"c{i}",
                touchpoint="shop" if i % 3 else "web",
                channel="mail" if i % 2 else None,
                metadata={
                    **regions[i % 7 % 5],
                    "vip": i % 4 == 0,
                    "0": "zero",
                    "$.odd": 1.5,
                    "it's 5%": i % 2 or True,
                },
                occurred_at=NOON + timedelta(days=i % 7),
                nps=i % 11,
                csat=i % 5 + 1,
                ces=i % 7 + 1 if i % 2 else None,
            ),
            make_analysis(**FOUND[i % len(FOUND)]),
        )
        for i in range(350)
    ]
    with write(engine_of) as conn:
        repository.save_all(conn, pairs, NOON)
    return client


def get(client: TestClient, **asked: str) -> dict[str, Any]:
    answer = client.get("/v1/segments", params=asked)
    assert answer.status_code == 200, answer.text
    SegmentsOut.model_validate(answer.json())
    return dict(answer.json())


@pytest.mark.parametrize("place", ["*", "shop"])
def test_one_segment_of_all_is_as_the_touchpoint_itself(filled: TestClient, place: str) -> None:
    (only,) = get(filled, by="metadata.nothing", touchpoint=place)["segments"]
    assert only["value"] is None
    assert only["metrics"] == filled.get(f"/v1/touchpoints/{place}/metrics").json()
    assert only["differences"] == []


def test_by_a_field_of_the_metadata(filled: TestClient) -> None:
    answer = get(filled, by="metadata.region")
    assert [(one["value"], one["metrics"]["n"]) for one in answer["segments"]] == [
        (None, 100),
        ("north", 100),
        ("söuth", 100),
        (3, 50),
    ]
    assert (answer["n"], answer["not_shown"]) == (350, 0)


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("channel", [None, "mail"]),
        ("metadata.vip", [False, True]),
        ("metadata.0", ["zero"]),
        ("metadata.$.odd", [1.5]),
        ("metadata.it's 5%", [1, True]),
        ("language", [None]),
    ],
)
def test_values_keep_their_kinds(filled: TestClient, by: str, values: list[Any]) -> None:
    found = [one["value"] for one in get(filled, by=by)["segments"]]
    assert sorted(map(repr, found)) == sorted(map(repr, values))


def test_on_some_days_only(filled: TestClient) -> None:
    answer = get(filled, by="channel", **{"from": "2026-11-17", "to": "2026-11-18"})
    assert answer["n"] == 50
    assert {one["metrics"]["from"] for one in answer["segments"]} == {"2026-11-17"}
    assert get(filled, by="channel", to="2020-01-01") == {
        "by": "channel",
        "touchpoint": "*",
        "n": 0,
        "segments": [],
        "not_shown": 0,
        "sampled_from": None,
    }


def test_each_differs_from_all_the_others(
    client: TestClient, engine_of: sa.Engine, make_record: Callable[..., CommentRecord], make_analysis: Any
) -> None:
    with write(engine_of) as conn:
        for i in range(120):
            record = make_record(id=f"c{i}", channel=f"k{i % 3}", nps=10 if i % 3 == 0 else 2)
            repository.save(conn, record, make_analysis(), NOON)
    answer = get(client, by="channel")
    nps = {
        one["value"]: next(d for d in one["differences"] if d["metric"] == "nps")
        for one in answer["segments"]
    }
    assert (nps["k0"]["difference"], nps["k1"]["difference"]) == (200.0, -100.0)
    assert nps["k0"]["real"]


def test_more_segments_than_are_shown(
    client: TestClient, engine_of: sa.Engine, make_record: Callable[..., CommentRecord], make_analysis: Any
) -> None:
    with write(engine_of) as conn:
        for i in range(53):
            record = make_record(id=f"c{i}", channel=f"k{i}")
            repository.save(conn, record, make_analysis(), NOON)
    answer = get(client, by="channel")
    assert (answer["n"], len(answer["segments"]), answer["not_shown"]) == (53, 50, 3)


def test_of_a_touchpoint_that_nobody_named(filled: TestClient) -> None:
    answer = filled.get("/v1/segments?by=channel&touchpoint=nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_touchpoint")


@pytest.mark.parametrize(
    "by", ["", "text", "metadata", "metadata.", 'metadata.a"b', "metadata.a\\b", "customer_id"]
)
def test_by_nothing_else(client: TestClient, by: str) -> None:
    answer = client.get("/v1/segments", params={"by": by})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("by:")


def test_a_sample_is_the_same_whichever_way_it_is_drawn(
    filled: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SAMPLE", 60)
    thought_of, from_the_index = (
        get(filled, by="channel"),
        get(filled, by="channel", **{"from": "1970-01-01"}),
    )
    assert 0 < thought_of["n"] < thought_of["sampled_from"] == 350
    for one in (*thought_of["segments"], *from_the_index["segments"]):
        del one["metrics"]["from"]
    assert thought_of == from_the_index


def test_corrections_count_as_they_do_at_the_touchpoint(filled: TestClient) -> None:
    said = [
        ("c0", {"labels": {"add": [], "remove": ["unresolved_issue"]}, "effort": 1, "loyalty": -1}),
        ("c5", {"labels": {"add": [{"id": "poor_communication"}], "remove": []}, "sentiment": "negative"}),
        ("c4", {"labels": {"add": [], "remove": ["lack_of_empathy"]}}),
    ]
    for id, one in said:
        answer = filled.post(f"/v1/comments/{id}/corrections", json={**one, "actor": "anna"})
        assert answer.status_code == 200, answer.text
    for place in ("*", "shop", "web"):
        metrics = filled.get(f"/v1/touchpoints/{place}/metrics").json()
        (only,) = get(filled, by="metadata.nothing", touchpoint=place)["segments"]
        assert only["metrics"] == metrics


def test_names_of_fields_may_have_any_letters(
    client: TestClient,
    engine_of: sa.Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., Analysis],
) -> None:
    for name in ("größe", "a.b", "名前"):
        with write(engine_of) as conn:
            repository.save(conn, make_record(id="a", metadata={name: "large"}), make_analysis(), NOON)
        (segment,) = get(client, by=f"metadata.{name}")["segments"]
        assert segment["value"] == "large", name


def test_what_a_person_corrected_counts_also_where_a_later_model_cannot_read_it(
    client: TestClient,
    engine_of: sa.Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., Analysis],
) -> None:
    taxonomy = client.app.state.parts.model.taxonomy  # type: ignore[attr-defined]
    said = {"labels": {"add": ["unresolved_issue"]}}
    with write(engine_of) as conn:
        for n in range(5):
            record = make_record(id=f"c{n}", channel="mail")
            repository.save(conn, record, make_analysis(), NOON)
            correct(conn, "default", record.id, read_correction(said, taxonomy, "anna"))
        old = repository.outdated(conn, "default", "m2", 2)
        repository.reanalyze(conn, [(one, make_analysis(read=False, version="m2")) for one in old])
    total = client.get("/v1/touchpoints").json()["total"]
    (segment,) = get(client, by="channel")["segments"]
    assert (segment["metrics"]["analyzed"], segment["metrics"]["not_analyzed"]) == (5, 0)
    assert segment["metrics"]["issues"] == total["issues"]
