"""Comparisons, drivers and alerts over HTTP, on both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from models import Analysis, taxonomy
from service import repository
from service.answers import TouchpointMetrics
from service.database import read, write
from service.metrics.answers import AlertsOut, DriversOut
from service.metrics.driving import associated
from service.records import CommentRecord
from service.statistics import nps_difference
from service.statistics.changes import DAYS

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
Fill = Callable[..., None]


@pytest.fixture
def fill(
    client: TestClient,
    engine_of: sa.Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., Analysis],
) -> Fill:
    """Store `times` comments alike, analysed by the model in force unless `found` says otherwise."""
    ids = iter(range(100_000))
    version = client.app.state.parts.rules.model_version  # type: ignore[attr-defined]

    def fill(times: int, *, found: dict[str, Any] | None = None, **fields: Any) -> None:
        fields = {"touchpoint": "shop", "occurred_at": NOON, **fields}
        analysis = make_analysis(**{"version": version, **(found or {})})
        records = [make_record(id=f"c{next(ids)}", **fields) for _ in range(times)]
        with write(engine_of) as conn:
            repository.save_all(conn, [(record, analysis) for record in records], NOON)

    return fill


def get(client: TestClient, path: str, **asked: str) -> dict[str, Any]:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_period_against_the_one_before(client: TestClient, fill: Fill) -> None:
    fill(60, nps=9, csat=5, ces=6, found={"issues": ["unresolved_issue"], "sentiment": 0.5})
    fill(40, nps=3, csat=1, ces=2, found={"sentiment": -0.5, "effort": 0.5})
    before = NOON - timedelta(days=7)
    fill(20, nps=9, csat=5, ces=6, found={"sentiment": 0.5}, occurred_at=before)
    fill(80, nps=3, csat=1, ces=2, found={"sentiment": -0.5, "effort": 0.5}, occurred_at=before)
    fill(500, nps=10, occurred_at=before - timedelta(days=7))
    asked = {"from": "2026-11-14", "to": "2026-11-21", "compare": "previous"}
    answer = get(client, "/v1/touchpoints/shop/metrics", **asked)
    TouchpointMetrics.model_validate(answer)
    comparison = answer["comparison"]
    assert (comparison["from"], comparison["to"], comparison["n"]) == ("2026-11-07", "2026-11-14", 100)
    by_name = {(one["metric"], one["label"]): one for one in comparison["differences"]}
    expected = nps_difference((60, 0, 40), (20, 0, 80))
    assert by_name["nps", None]["difference"] == 80.0
    assert by_name["nps", None]["ci95"] == [round(expected.low, 1), round(expected.high, 1)]
    assert by_name["nps", None]["real"]
    assert by_name["csat", None]["difference"] == 0.4
    assert by_name["ces", None]["difference"] == pytest.approx(1.6)
    assert by_name["sentiment", None]["difference"] == 80.0
    assert by_name["effort", None] | {"p": 1.0} == {
        "metric": "effort",
        "label": None,
        "difference": 0.0,
        "ci95": [0.0, 0.0],
        "p": 1.0,
        "real": False,
    }
    assert by_name["issues", "unresolved_issue"]["difference"] == 0.6
    assert by_name["issues", "unresolved_issue"]["real"]
    assert not by_name["issues", "poor_communication"]["real"]
    assert ("empathy", None) not in by_name
    assert get(client, "/v1/touchpoints/shop/metrics")["comparison"] is None


def remove(client: TestClient, count: int) -> None:
    """A person says of the first `count` stored that they speak of no unresolved issue."""
    said = {"labels": {"remove": ["unresolved_issue"]}, "actor": "anna"}
    for place in range(count):
        assert client.post(f"/v1/comments/c{place}/corrections", json=said).status_code == 200


def test_who_reads_one_side_only_sets_nothing_apart(client: TestClient, fill: Fill) -> None:
    for at in (NOON, NOON - timedelta(days=1)):
        fill(30, occurred_at=at, found={"issues": ["unresolved_issue"]})
        fill(30, occurred_at=at)
    remove(client, 25)
    asked = {"from": "2026-11-16", "to": "2026-11-17", "compare": "previous"}
    answer = get(client, "/v1/touchpoints/shop/metrics", **asked)
    counts = {one["id"]: one["observed"]["count"] for one in answer["issues"]}
    assert counts["unresolved_issue"] == 5
    by_label = {one["label"]: one for one in answer["comparison"]["differences"]}
    assert by_label["unresolved_issue"]["difference"] == 0
    assert not by_label["unresolved_issue"]["real"]


def test_tags_of_two_models_are_not_compared(client: TestClient, fill: Fill) -> None:
    fill(50, nps=9)
    fill(50, nps=9, found={"version": "older"}, occurred_at=NOON - timedelta(days=1))
    asked = {"from": "2026-11-16", "to": "2026-11-17", "compare": "previous"}
    differences = get(client, "/v1/touchpoints/*/metrics", **asked)["comparison"]["differences"]
    assert {one["metric"] for one in differences} == {"nps", "sentiment"}


def test_few_comments_make_no_real_difference(client: TestClient, fill: Fill) -> None:
    fill(29, nps=9)
    fill(29, nps=0, occurred_at=NOON - timedelta(days=1))
    asked = {"from": "2026-11-16", "to": "2026-11-17", "compare": "previous"}
    differences = get(client, "/v1/touchpoints/shop/metrics", **asked)["comparison"]["differences"]
    assert differences[0]["p"] < 1e-6
    assert not any(one["real"] for one in differences)


@pytest.mark.parametrize(
    ("path", "asked", "names"),
    [
        ("touchpoints/shop/metrics", {"compare": "previous"}, "compare"),
        ("touchpoints/shop/metrics", {"compare": "previous", "from": "2026-11-16"}, "compare"),
        (
            "touchpoints/shop/metrics",
            {"compare": "previous", "from": "2026-11-16", "to": "2026-11-16"},
            "compare",
        ),
        (
            "touchpoints/shop/metrics",
            {"compare": "previous", "from": "0001-01-02", "to": "2026-11-16"},
            "compare",
        ),
        ("touchpoints/shop/metrics", {"compare": "next"}, "compare"),
        ("touchpoints/shop/drivers", {}, "metric"),
        ("touchpoints/shop/drivers", {"metric": "mood"}, "metric"),
        ("alerts", {"to": "soon"}, "to"),
        ("alerts", {"to": "0001-02-01"}, "to"),
        ("alerts", {"since": "2026-11-16"}, "since"),
    ],
)
def test_what_cannot_be_asked(
    client: TestClient, fill: Fill, path: str, asked: dict[str, str], names: str
) -> None:
    fill(1)
    answer = client.get(f"/v1/{path}", params=asked)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{names}:")


def test_drivers_of_an_unknown_touchpoint(client: TestClient) -> None:
    answer = client.get("/v1/touchpoints/nowhere/drivers", params={"metric": "nps"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_touchpoint")


def test_drivers(client: TestClient, fill: Fill) -> None:
    fill(30, nps=1, found={"issues": ["unresolved_issue"]})
    fill(10, nps=9, found={"issues": ["unresolved_issue"]})
    fill(50, nps=9, found={"strengths": ["easy_to_use"]})
    fill(10, nps=8)
    fill(25, nps=0, touchpoint="elsewhere")
    fill(5, found={"issues": ["unresolved_issue"]})
    answer = get(client, "/v1/touchpoints/shop/drivers", metric="nps")
    DriversOut.model_validate(answer)
    labels = {one["id"]: one for one in answer["labels"]}
    assert (answer["n"], labels["unresolved_issue"]["n"]) == (100, 40)
    # With all: 60 - 30; without the 40 that mention it: 50 of 60.
    assert labels["unresolved_issue"]["observed"]["value"] == pytest.approx(30 - 100 * 50 / 60, abs=1e-3)
    low, high = labels["unresolved_issue"]["observed"]["ci95"]
    assert low < labels["unresolved_issue"]["observed"]["value"] < high < 0
    assert labels["poor_communication"] == {
        "id": "poor_communication",
        "n": 0,
        "observed": None,
        "corrected": None,
        "attenuated": True,
    }
    shares = {one["id"]: one["share"] for one in answer["themes"]}
    assert sum(one["value"] for one in shares.values() if one) == pytest.approx(
        answer["r2"]["value"], abs=1e-3
    )
    assert {id for id, share in shares.items() if share} == {"resolution", "user_experience"}
    assert get(client, "/v1/touchpoints/*/drivers", metric="nps")["n"] == 125
    for page in ("/touchpoints/shop/drivers", "/touchpoints/shop/drivers?part=true", "/all/drivers"):
        drawn = client.get(page, params={"metric": "nps"})
        assert (drawn.status_code, "Difficulty in resolving issues" in drawn.text) == (200, True)
    assert get(client, "/v1/touchpoints/shop/drivers", metric="nps", to="2026-11-16")["n"] == 0


def test_corrections_move_what_is_observed_and_not_the_corrected_impact(
    client: TestClient, engine_of: sa.Engine, fill: Fill
) -> None:
    fill(60, nps=1, found={"issues": ["unresolved_issue"]})
    fill(90, nps=9, found={"strengths": ["easy_to_use"]})
    fill(200, nps=9, found={"no_content": True})
    rules = client.app.state.parts.rules  # type: ignore[attr-defined]
    known = replace(rules, errors={"unresolved_issue": {"tp": 90, "fn": 10, "fp": 20, "tn": 180}})

    def impact() -> dict[str, Any]:
        with read(engine_of) as conn:
            found = associated(conn, "default", "shop", "nps", known, taxonomy.load())
        return next(one for one in found["labels"] if one["id"] == "unresolved_issue")

    before = impact()
    assert not before["attenuated"]
    remove(client, 20)
    after = impact()
    assert (before["n"], after["n"]) == (60, 40)
    assert after["observed"]["value"] != before["observed"]["value"]
    assert after["corrected"]["value"] == before["corrected"]["value"]


def test_scores_all_alike_go_with_nothing(client: TestClient, fill: Fill) -> None:
    fill(40, csat=5, found={"issues": ["unresolved_issue"]})
    answer = get(client, "/v1/touchpoints/shop/drivers", metric="csat")
    assert (answer["n"], answer["r2"]) == (40, None)
    assert all(one["observed"] is None for one in answer["labels"])


def test_alerts_with_their_evidence(client: TestClient, fill: Fill) -> None:
    rng = np.random.default_rng(2)
    for day in range(DAYS):
        at = NOON - timedelta(days=DAYS - 1 - day)
        loud = int(rng.binomial(40, 0.5 if day >= DAYS - 5 else 0.1))
        fill(loud, occurred_at=at, found={"issues": ["unresolved_issue"]})
        fill(40 - loud, occurred_at=at)
        fill(20, occurred_at=at, touchpoint="quiet")
    answer = get(client, "/v1/alerts", to="2026-11-17")
    AlertsOut.model_validate(answer)
    assert answer["watched"] == 3 * 20
    found = {(one["touchpoint"], one["label"]): one for one in answer["alerts"]}
    assert set(found) == {("shop", "unresolved_issue"), ("*", "unresolved_issue")}
    alert = found["shop", "unresolved_issue"]
    assert (alert["direction"], alert["n"], alert["polarity"]) == ("up", 280, "issue")
    assert abs(date.fromisoformat(alert["since"]) - date(2026, 11, 12)) <= timedelta(days=1)
    page = client.get(alert["comments"]).json()
    assert page["comments"]
    assert all(one["analysis"]["issues"][0]["id"] == "unresolved_issue" for one in page["comments"])
    # A week before, all was quiet.
    assert get(client, "/v1/alerts", to="2026-11-10")["alerts"] == []


def test_a_new_model_is_no_alert(client: TestClient, fill: Fill) -> None:
    for day in range(DAYS):
        at = NOON - timedelta(days=DAYS - 1 - day)
        new = day >= DAYS - 5
        found = {"issues": ["unresolved_issue"]} if new else {"version": "older"}
        fill(40, occurred_at=at, found=found)
    assert get(client, "/v1/alerts", to="2026-11-17")["alerts"] == []


def test_corrections_of_the_last_days_are_no_alert(client: TestClient, fill: Fill) -> None:
    for day in range(DAYS):
        at = NOON - timedelta(days=day)
        fill(8, occurred_at=at, found={"issues": ["unresolved_issue"]})
        fill(32, occurred_at=at)
        if day == 4:
            remove(client, 5 * 40)
    assert get(client, "/v1/alerts", to="2026-11-17")["alerts"] == []


def test_alerts_without_comments(client: TestClient) -> None:
    assert get(client, "/v1/alerts", to="2026-11-17") == {"until": "2026-11-17", "watched": 0, "alerts": []}
    assert get(client, "/v1/alerts")["alerts"] == []
