"""Events on their way to a real receiver: signed, tried again, given up; never to a private address."""

import base64
import hmac
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service.analyse import Desk
from service.clock import database_time
from service.database import read, write
from service.events import deliver, delivery_repository, outbox, sending, webhook_repository
from service.events.signing import new_secret
from service.events.tables import delivery, event, webhook
from service.privacy.erasing import erase_comment, erase_customer
from service.settings import Settings
from tests import deliveries
from tests.receiver import Receiver, receiving

COMMENT = {"id": "c1", "text": "Agent was kind but nobody ever fixed my bill.", "customer_id": "u1"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def desk(engine: Engine, pipeline: models.Pipeline) -> Desk:
    return Desk(engine, pipeline.analyze, Settings(model="weightless"))


def add(
    engine: Engine, url: str, *types: str, tenant: str = "default", with_text: bool = False
) -> tuple[str, str]:
    secret = new_secret()
    with write(engine) as conn:
        id = webhook_repository.add(conn, tenant, url, types or outbox.TYPES, secret, with_text)
    return id, secret


def deliver_due(engine: Engine) -> int:
    return deliver.deliver_due(engine, allow_private=True)


def the_webhook(engine: Engine, id: str) -> webhook_repository.Webhook:
    with read(engine) as conn:
        found = webhook_repository.find(conn, "default", id)
    assert found is not None
    return found


def count(engine: Engine, table: sa.Table) -> int:
    with read(engine) as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def the_delivery(engine: Engine) -> Any:
    with read(engine) as conn:
        return conn.execute(sa.select(delivery)).one()


def make_due(engine: Engine) -> None:
    """As if the wait were over."""
    with write(engine) as conn:
        waiting = delivery.update().where(delivery.c.next_at.is_not(None))
        conn.execute(waiting.values(next_at=database_time(conn)))
        conn.execute(webhook.update().values(resting_until=None))


def age(engine: Engine, table: sa.Table, column: str, by: timedelta) -> None:
    with write(engine) as conn:
        for row in conn.execute(sa.select(table)).mappings().all():
            if row[column] is not None:
                own = sa.and_(*(key == row[key.name] for key in table.primary_key))
                conn.execute(table.update().where(own).values({column: row[column] - by}))


def test_what_happens_is_told_signed_and_without_the_text(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    _, secret = add(engine, receiver.url)
    desk.record([COMMENT])
    assert deliver_due(engine) == 1
    ((headers, body),) = receiver.got
    content = json.loads(body)
    assert content["type"] == "comment.analyzed"
    assert content["data"]["id"] == "c1"
    assert content["data"]["issues"] == ["unresolved_issue"]
    assert b"fixed my bill" not in body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, told, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert deliver_due(engine) == 0


def test_replays_are_no_news_and_replacements_are(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    add(engine, receiver.url)
    for item in (COMMENT, COMMENT, COMMENT | {"text": "Better now."}):
        desk.record([item])
    deliver_due(engine)
    assert [json.loads(body)["data"]["outcome"] for _, body in receiver.got] == ["created", "replaced"]


def test_nothing_is_written_that_nobody_wants(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    add(engine, receiver.url, "comment.deleted")
    add(engine, receiver.url, tenant="other")
    desk.record([COMMENT])
    assert count(engine, event) == 0


def test_the_text_goes_only_to_who_was_set_up_for_it(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    add(engine, receiver.url)
    add(engine, receiver.url, with_text=True)
    desk.record([COMMENT])
    assert deliver_due(engine) == 2
    texts = [json.loads(body)["data"].get("text") for _, body in receiver.got]
    assert sorted(texts, key=str) == [COMMENT["text"], None]


def test_an_event_is_there_if_and_only_if_the_change_is(
    engine: Engine, make_record: Callable[..., Any], make_analysis: Callable[..., Any]
) -> None:
    add(engine, "https://example.com/")

    def fail() -> None:
        with write(engine) as conn:
            outbox.analyzed(conn, make_record(), make_analysis(), "created")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert count(engine, event) == count(engine, delivery) == 0


def test_an_erased_comment_leaves_nothing_in_the_outbox(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    add(engine, receiver.url, with_text=True)
    desk.record([COMMENT, {"id": "c2", "text": "Checkout was easy.", "customer_id": "u1"}])
    with write(engine) as conn:
        assert erase_comment(conn, "default", "c1", "test")
        assert erase_customer(conn, "default", "u1", "test") == 1
    deliver_due(engine)
    assert receiver.types() == ["comment.deleted"] * 2
    told = [json.loads(body)["data"] for _, body in receiver.got]
    assert {one["id"]: one["reason"] for one in told} == {"c1": "comment", "c2": "customer"}


def test_a_failure_is_tried_again_later_with_the_same_id(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 500
    desk.record([COMMENT])
    assert deliver_due(engine) == 0
    assert deliver_due(engine) == 0, "it is not due yet"
    row = the_delivery(engine)
    assert (row.attempts, row.last_status, row.owner, row.delivered_at) == (1, 500, None, None)
    assert the_webhook(engine, id).failing_since is not None
    receiver.status = 200
    make_due(engine)
    assert deliver_due(engine) == 1
    assert the_webhook(engine, id).failing_since is None
    first, second = receiver.got
    assert first[1] == second[1]
    assert first[0]["webhook-id"] == second[0]["webhook-id"]


def test_a_receiver_that_fails_is_asked_once_and_not_for_every_event(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    add(engine, receiver.url)
    receiver.status = 500
    desk.record([{"id": str(i), "text": "fine"} for i in range(6)])
    deliver_due(engine)
    assert len(receiver.got) == 1
    for _ in range(3):
        assert deliver_due(engine) == 0
    assert len(receiver.got) == 1, "nor is it for the next event, a moment later"
    receiver.status = 200
    make_due(engine)
    assert deliver_due(engine) == 6


def test_one_event_that_is_refused_holds_up_no_other(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    add(engine, receiver.url)
    receiver.status = 422
    desk.record([COMMENT])
    deliver_due(engine)
    receiver.status = 200
    desk.record([COMMENT | {"id": "c2"}])
    assert deliver_due(engine) == 1


def test_a_receiver_may_say_when_to_come_again(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    add(engine, receiver.url)
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}
    desk.record([COMMENT])
    deliver_due(engine)
    assert the_delivery(engine).next_at > datetime.now(UTC) + timedelta(seconds=590)
    receiver.status = 200
    desk.record([COMMENT | {"id": "c2"}])
    assert deliver_due(engine) == 0, "which holds for whatever there is to tell"


@pytest.mark.parametrize("how", ["enabled", "recovered", "a slip"])
def test_after_an_outage_what_waits_need_not_wait_for_its_hour(
    engine: Engine, desk: Desk, receiver: Receiver, how: str
) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 503
    desk.record([COMMENT])
    deliver_due(engine)
    age(engine, delivery, "next_at", -timedelta(hours=11))
    receiver.status = 200
    if how == "enabled":
        with write(engine) as conn:
            assert webhook_repository.enable(conn, "default", id)
        assert deliver_due(engine) == 1
        return
    age(engine, webhook, "resting_until", timedelta(hours=1))
    age(engine, webhook, "failing_since", timedelta(hours=1) if how == "recovered" else timedelta())
    desk.record([COMMENT | {"id": "c2"}])
    # An event that is refused time after time must not come back with each that is taken.
    assert deliver_due(engine) == (2 if how == "recovered" else 1)


def test_redirects_are_not_followed(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    with receiving() as other:
        add(engine, receiver.url)
        receiver.status, receiver.headers = 307, {"Location": other.url}
        desk.record([COMMENT])
        assert deliver_due(engine) == 0
        assert other.got == []
    assert the_delivery(engine).last_status == 307


@pytest.mark.parametrize("drip", [False, True])
def test_a_receiver_that_hangs_is_left(
    engine: Engine, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, drip: bool
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    add(engine, receiver.url)
    receiver.drip = drip
    receiver.free.clear()
    desk.record([COMMENT])
    start = time.monotonic()
    assert deliver_due(engine) == 0
    assert time.monotonic() - start < 3
    assert the_delivery(engine).last_error == "timeout"


def test_one_that_hangs_keeps_nobody_else_waiting(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    stop = threading.Event()
    with receiving() as slow:
        slow.free.clear()
        add(engine, slow.url)
        add(engine, receiver.url)
        thread = threading.Thread(target=deliver.run, args=(engine, stop), kwargs={"allow_private": True})
        thread.start()
        try:
            desk.record([COMMENT | {"id": str(i)} for i in range(9)])
            deadline = time.monotonic() + 8
            while len(receiver.got) < 9 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(receiver.got) == 9
            assert len(slow.got) == 1
        finally:
            slow.free.set()
            stop.set()
            thread.join(15)
    assert not thread.is_alive()
    with read(engine) as conn:
        assert conn.scalars(sa.select(delivery.c.owner).where(delivery.c.owner.is_not(None))).all() == []


def test_gone_means_gone_until_it_is_enabled(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 410
    desk.record([COMMENT])
    deliver_due(engine)
    assert the_webhook(engine, id).disabled_reason == "it answered 410 Gone"
    make_due(engine)
    deliver_due(engine)
    assert len(receiver.got) == 1
    desk.record([COMMENT | {"id": "c2"}])
    assert count(engine, event) == 1, "nothing is written for a webhook that is disabled"
    receiver.status = 200
    with write(engine) as conn:
        assert webhook_repository.enable(conn, "default", id)
    assert deliver_due(engine) == 1


def test_after_three_days_an_event_is_given_up_and_its_webhook_disabled(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 500
    desk.record([COMMENT])
    deliver_due(engine)
    age(engine, event, "created_at", timedelta(days=3))
    age(engine, webhook, "failing_since", timedelta(days=3))
    make_due(engine)
    deliver_due(engine)
    assert the_delivery(engine).next_at is None
    found = the_webhook(engine, id)
    assert not found.active
    assert found.disabled_reason == "nothing was taken for 3 days, last: HTTP 500"


def test_an_old_failure_does_not_disable_at_a_new_one(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 503
    desk.record([COMMENT])
    deliver_due(engine)
    with write(engine) as conn:  # it was given up
        conn.execute(delivery.update().values(next_at=None))
    age(engine, webhook, "failing_since", timedelta(weeks=3))
    age(engine, webhook, "resting_until", timedelta(weeks=3))
    desk.record([COMMENT | {"id": "c2"}])
    deliver_due(engine)
    assert len(receiver.got) == 2
    found = the_webhook(engine, id)
    assert found.active
    assert found.failing_since is not None
    assert found.failing_since > datetime.now(UTC) - timedelta(minutes=1)


def test_the_last_attempt_comes_when_three_days_are_over(
    engine: Engine, desk: Desk, receiver: Receiver
) -> None:
    id, _ = add(engine, receiver.url)
    receiver.status = 503
    desk.record([COMMENT])
    deliver_due(engine)
    nearly = timedelta(days=2, hours=20)
    age(engine, event, "created_at", nearly)
    age(engine, webhook, "failing_since", nearly)
    with write(engine) as conn:
        conn.execute(delivery.update().values(attempts=11))
    make_due(engine)
    deliver_due(engine)
    now = datetime.now(UTC)
    assert now + timedelta(hours=3.9) < the_delivery(engine).next_at < now + timedelta(hours=4.1)
    age(engine, event, "created_at", timedelta(hours=4.1))
    age(engine, webhook, "failing_since", timedelta(hours=4.1))
    make_due(engine)
    deliver_due(engine)
    assert the_delivery(engine).next_at is None
    assert not the_webhook(engine, id).active


def test_waits_grow_to_half_a_day_and_span_three_days() -> None:
    waits = [deliver.backoff(attempts) for attempts in range(1, 13)]
    assert 4 <= waits[0] <= 6
    assert all(0.8 * 43_200 <= wait <= 1.2 * 43_200 for wait in waits[6:])
    assert sum(waits) > 2.5 * 86_400
    assert len({deliver.backoff(3) for _ in range(9)}) > 1, "without jitter they would come back together"


def test_a_deliverer_that_dies_loses_nothing(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    id, _ = add(engine, receiver.url)
    desk.record([COMMENT])
    with write(engine) as conn:
        now = database_time(conn)
        (dead,) = delivery_repository.claim(conn, id, "dead", now, now + deliver.LEASE, 4)
    assert deliver_due(engine) == 0, "it is claimed"
    make_due(engine)  # the lease is over
    with write(engine) as conn:
        now = database_time(conn)
        (living,) = delivery_repository.claim(conn, id, "living", now, now + deliver.LEASE, 4)
        assert delivery_repository.body_of(conn, dead) is None
        assert not delivery_repository.finish(conn, dead, {"next_at": None})
        assert delivery_repository.finish(conn, living, {"next_at": None, "delivered_at": now})


def test_during_a_rotation_both_secrets_sign(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    id, _ = add(engine, receiver.url)
    with write(engine) as conn:
        assert webhook_repository.rotate(conn, "default", id, new_secret(), timedelta(hours=1))
    desk.record([COMMENT])
    deliver_due(engine)
    age(engine, webhook, "old_secret_until", timedelta(hours=2))
    desk.record([COMMENT | {"id": "c2"}])
    deliver_due(engine)
    assert [len(headers["webhook-signature"].split()) for headers, _ in receiver.got] == [2, 1]


def test_a_private_address_is_never_asked(engine: Engine, desk: Desk, receiver: Receiver) -> None:
    # The name is public by its looks, and resolves to this machine.
    add(engine, f"https://localhost:{receiver.server_port}/hook")
    desk.record([COMMENT])
    assert deliver.deliver_due(engine) == 0
    assert receiver.got == []
    assert the_delivery(engine).last_error == "private_address"


def test_nobody_there(engine: Engine, desk: Desk) -> None:
    with receiving() as gone:
        url = gone.url
    add(engine, url)
    desk.record([COMMENT])
    deliver_due(engine)
    assert the_delivery(engine).last_error == "no_connection"


@pytest.mark.slow
def test_killed_deliverers_lose_nothing(tmp_path: Path) -> None:
    figures = deliveries.run(f"sqlite:///{tmp_path / 'killed.db'}", 2, random.Random(1))
    assert figures["comments"] > 20
    assert (figures["lost"], figures["told_differently"]) == (0, 0), figures
