"""Estimates made of the audit in the answers: the method that is named, the alarm, and what corrections leave alone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from service import repository
from service.database import read, write
from service.metrics import Rules, overview, touchpoint_metrics
from service.records import CommentRecord
from service.review import audit_repository
from service.review.tables import audit_draw
from service.settings import Settings
from service.statistics import Audit, prediction_powered

ISSUE = "unresolved_issue"
ERRORS = {ISSUE: {"tp": 180, "fn": 20, "fp": 30, "tn": 2_970}}
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def rules(pipeline: models.Pipeline) -> Rules:
    return Rules.of(Settings(), pipeline.taxonomy, "m1", ERRORS)


@pytest.fixture
def keep(
    engine_of: Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., models.Analysis],
) -> Callable[..., None]:
    """Store comments at one touchpoint, all of them drawn for the audit."""

    def keep(ids: range, twice: float = 0, **found: Any) -> None:
        with write(engine_of) as conn:
            pairs = [
                (make_record(id=f"c{n}", touchpoint="shop", occurred_at=NOON), make_analysis(**found))
                for n in ids
            ]
            outcomes = [repository.save(conn, *pair, NOON) for pair in pairs]
            audit_repository.draw(conn, pairs, outcomes, rate=1, twice=twice)

    return keep


def say(client: TestClient, ids: range, *present: str, actor: str = "anna") -> None:
    for n in ids:
        answer = {"stream": "audit", "id": f"c{n}", "actor": actor, "present": list(present)}
        assert client.post("/v1/review", json=answer).status_code == 200


def estimate(engine: Engine, rules: Rules, **window: Any) -> dict[str, Any]:
    with read(engine) as conn:
        answer = touchpoint_metrics(conn, "default", "shop", rules, **window)
    return next(dict(one["estimated"]) for one in answer["issues"] if one["id"] == ISSUE)


def test_enough_audited_comments_take_the_place_of_the_card(
    client: TestClient, engine_of: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(range(60), issues=[ISSUE])
    keep(range(60, 140))
    keep(range(140, 160), no_content=True)
    say(client, range(20), ISSUE)
    say(client, range(20, 99))
    by_card = estimate(engine_of, rules)
    assert (by_card["method"], by_card["audited"], by_card["disagreement"]) == ("rogan_gladen", 0, None)
    say(client, range(99, 160))
    found = estimate(engine_of, rules)
    # The tagger's 60 of the 140 that were read are right in 20 cases; 20 more have no content.
    audit = Audit([1] * 20 + [0] * 120, [1] * 60 + [0] * 80, [1] * 140)
    expected = prediction_powered(60, 140, audit).times(140 / 160)
    assert (found["rate"], found["ci95"]) == (
        round(expected.value, 4),
        [round(expected.low, 4), round(expected.high, 4)],
    )
    assert (found["method"], found["audited"]) == ("prediction_powered", 140)
    # The card says over 40 %, the audit 13 %: that is said, here and in the overview.
    assert found["disagreement"]["difference"] < -0.2
    assert found["disagreement"]["real"]
    with read(engine_of) as conn:
        answer = overview(conn, "default", rules)
    assert [label["estimated"] for label in answer["total"]["issues"] if label["id"] == ISSUE] == [found]


def test_a_tagger_as_good_as_its_card_raises_no_alarm(
    client: TestClient, engine_of: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(range(30), issues=[ISSUE])
    keep(range(30, 120))
    say(client, range(28), ISSUE)
    say(client, range(28, 120))
    assert estimate(engine_of, rules)["disagreement"]["real"] is False


def test_the_audit_serves_another_model_too_and_the_card_does_not(
    client: TestClient, engine_of: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(range(100), version="m0", issues=[ISSUE])
    say(client, range(50), ISSUE)
    say(client, range(50, 100))
    found = estimate(engine_of, rules)
    assert (found["method"], found["rate"], found["disagreement"]) == ("prediction_powered", 0.5, None)


def test_two_people_who_differ_count_as_a_half(
    client: TestClient, engine_of: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(range(100), twice=1, issues=[ISSUE])
    say(client, range(100), ISSUE)
    say(client, range(100), actor="ben")
    assert estimate(engine_of, rules)["rate"] == 0.5


def test_a_correction_moves_what_is_counted_and_leaves_the_estimate(
    client: TestClient, engine_of: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(range(60), issues=[ISSUE])
    before = estimate(engine_of, rules)
    said = {"labels": {"remove": [ISSUE]}, "actor": "anna"}
    assert client.post("/v1/comments/c1/corrections", json=said).status_code == 200
    assert estimate(engine_of, rules) == before
    issues = client.get("/v1/touchpoints/shop/metrics").json()["issues"]
    assert next(one["observed"]["count"] for one in issues if one["id"] == ISSUE) == 59


def test_months_that_were_read_in_part_weigh_as_much_as_those_that_were_read_whole(
    client: TestClient, engine_of: Engine, keep: Callable[..., None]
) -> None:
    keep(range(40))
    with write(engine_of) as conn:
        conn.execute(audit_draw.update().values(drawn_at=datetime(2026, 9, 30, 23, tzinfo=UTC)))
    keep(range(40, 80), issues=[ISSUE])
    with write(engine_of) as conn:
        later = audit_draw.c.drawn_at > datetime(2026, 10, 1, tzinfo=UTC)
        conn.execute(audit_draw.update().where(later).values(drawn_at=datetime(2026, 10, 1, tzinfo=UTC)))
    say(client, range(40))
    say(client, range(40, 50), ISSUE)
    with read(engine_of) as conn:
        found = audit_repository.audited(conn, "default", [ISSUE], touchpoint="*")
    assert sorted(set(found.pi.tolist())) == [0.25, 1.0]
    assert (found.y / found.pi).sum() / (1 / found.pi).sum() == 0.5
