"""Alerts are told to webhooks, each once, whoever looks and how often."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from models import Analysis
from service import repository
from service.database import write
from service.events import deliver, webhook_repository
from service.events.raising import QUIET, raise_alerts
from service.events.signing import new_secret
from service.housekeeping import keep_house
from service.records import CommentRecord
from service.settings import Settings
from service.statistics.changes import DAYS
from tests.receiver import Receiver, receiving

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = Settings(model="weightless")
OWN = "weightless-1"
Fill = Callable[..., None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def fill(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> Fill:
    """70 days of 40 comments at the shop; on the last `loud` days half speak of an issue, before that 4."""
    ids = iter(range(100_000))

    def fill(tenant: str, loud: int, *, before: str = OWN) -> None:
        pairs = []
        for day in range(DAYS):
            is_loud = day >= DAYS - loud
            version = OWN if is_loud else before
            for number in range(40):
                record = make_record(
                    id=f"c{next(ids)}",
                    tenant=tenant,
                    touchpoint="shop",
                    occurred_at=NOON - timedelta(days=DAYS - 1 - day),
                )
                has_it = number < (20 if is_loud else 4)
                issues = ["unresolved_issue"] if has_it else []
                pairs.append((record, make_analysis(issues=issues, version=version)))
        with write(engine) as conn:
            repository.save_all(conn, pairs, NOON)

    return fill


def add(engine: Engine, receiver: Receiver, *types: str, tenant: str = "default") -> None:
    with write(engine) as conn:
        webhook_repository.add(conn, tenant, receiver.url, types, new_secret(), False)


def told(engine: Engine, receiver: Receiver) -> list[dict[str, Any]]:
    deliver.deliver_due(engine, allow_private=True)
    return [json.loads(body) for _, body in receiver.got]


def test_an_alert_is_told_once(engine: Engine, fill: Fill, receiver: Receiver) -> None:
    fill("default", 5)
    add(engine, receiver, "alert.raised")
    assert raise_alerts(engine, SETTINGS, TODAY) == 2
    assert raise_alerts(engine, SETTINGS, TODAY) == 0
    assert raise_alerts(engine, SETTINGS, TODAY + timedelta(days=1)) == 0
    events = {one["data"]["touchpoint"]: one for one in told(engine, receiver)}
    assert set(events) == {"*", "shop"}
    data = events["shop"]["data"]
    assert events["shop"]["type"] == "alert.raised"
    assert (data["label"], data["direction"], data["n"]) == ("unresolved_issue", "up", 280)
    assert data["comments"].startswith("/v1/comments?touchpoint=shop&issue=unresolved_issue&from=")


def test_one_that_was_away_for_a_fortnight_is_news_again(
    engine: Engine, fill: Fill, receiver: Receiver
) -> None:
    fill("default", 5)
    add(engine, receiver, "alert.raised")
    assert raise_alerts(engine, SETTINGS, TODAY) == 2
    with_nothing = TODAY + QUIET + timedelta(days=1)
    # No comments any more: no alert is found, and the old ones are forgotten.
    assert raise_alerts(engine, SETTINGS, with_nothing) == 0
    assert raise_alerts(engine, SETTINGS, TODAY) == 2


def test_a_new_model_raises_none(engine: Engine, fill: Fill, receiver: Receiver) -> None:
    fill("default", 5, before="older")
    add(engine, receiver, "alert.raised")
    assert raise_alerts(engine, SETTINGS, TODAY) == 0
    assert told(engine, receiver) == []


def test_a_quiet_shop_raises_none(engine: Engine, fill: Fill, receiver: Receiver) -> None:
    fill("default", 0)
    add(engine, receiver, "alert.raised")
    assert raise_alerts(engine, SETTINGS, TODAY) == 0


def test_tenants_hear_of_their_own_and_only_who_asked(engine: Engine, fill: Fill, receiver: Receiver) -> None:
    for tenant, loud in (("a", 5), ("b", 0), ("c", 5)):
        fill(tenant, loud)
    with receiving() as other:
        add(engine, receiver, "alert.raised", tenant="a")
        add(engine, other, "alert.raised", tenant="b")
        add(engine, other, "comment.analyzed", tenant="c")
        assert raise_alerts(engine, SETTINGS, TODAY) == 2
        assert len(told(engine, receiver)) == 2
        assert other.got == []


def test_whoever_keeps_the_house_tells_them_and_survives_a_missing_model(
    engine: Engine, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, receiver, "alert.raised")
    stop = _Once()
    keep_house(engine, Settings(model="nowhere"), stop)  # type: ignore[arg-type]
    assert "alerts wait" in caplog.text


class _Once:
    """An event that is set as soon as somebody waits for it."""

    def wait(self, seconds: float) -> bool:
        return seconds > 0
