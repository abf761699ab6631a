"""The deliverer: brings events to webhooks until they are taken, or three days have passed.

    run(engine, stop)            until `stop` is set: `listenwell deliver`, and the worker's own thread

Any number may run at once. A delivery is claimed for a while (a lease); whoever dies with it loses nothing but
that while. A receiver may therefore see an event twice, with the same `webhook-id`: at least once, never lost.
"""

import logging
import random
import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection, Engine

from service import tracing
from service.clock import database_time
from service.database import AWAY, read, write
from service.events import delivery_repository, webhook_repository
from service.events.delivery_repository import Claimed
from service.events.sending import SECONDS, Answer, post
from service.events.signing import signed

POLL_SECONDS = 0.5
GIVE_UP = timedelta(days=3)
"""How long an event is tried, and how long a webhook may fail before it is disabled."""
_BATCH = 4
LEASE = timedelta(seconds=2 * _BATCH * SECONDS)
_THREADS = 8
_FIRST, _FACTOR, _LONGEST = 5.0, 6.0, 12 * 3600.0
_LONGEST_REST = 300.0
_LATE = timedelta(hours=1)

log = logging.getLogger("listenwell.events")


def run(engine: Engine, stop: threading.Event, *, allow_private: bool = False) -> None:
    """Deliver what is due until `stop` is set; what is under way is then finished, within seconds.

    One thread a webhook: a receiver that hangs keeps nobody else waiting.
    """
    busy: dict[str, Future[int]] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="deliver") as pool:
        while not stop.wait(POLL_SECONDS):
            busy = _still_busy(busy)
            for webhook_id in _due(engine):
                if webhook_id not in busy:
                    busy[webhook_id] = pool.submit(
                        deliver_to, engine, webhook_id, allow_private=allow_private, stop=stop
                    )
    _still_busy(busy)


def deliver_due(engine: Engine, *, allow_private: bool = False) -> int:
    """Try once what is due now, in this thread; how many deliveries were taken."""
    return sum(deliver_to(engine, webhook_id, allow_private=allow_private) for webhook_id in _due(engine))


def deliver_to(
    engine: Engine, webhook_id: str, *, allow_private: bool = False, stop: threading.Event | None = None
) -> int:
    """Deliver to one webhook what is due, oldest first, until something fails; how many it took."""
    taken = 0
    while batch := _claim(engine, webhook_id):
        for place, claimed in enumerate(batch):
            stopped = stop is not None and stop.is_set()
            if stopped or not _deliver(engine, claimed, allow_private):
                _release(engine, batch[place if stopped else place + 1 :])
                return taken
            taken += 1
    return taken


def backoff(attempts: int) -> float:
    """Seconds until the next attempt: 5 s, 30 s, 3 min, 18 min, 1.8 h, 10.8 h, then 12 h, each within a fifth.

    The jitter keeps deliveries that failed together from coming back together.
    """
    return float(min(_FIRST * _FACTOR ** (attempts - 1), _LONGEST) * random.uniform(0.8, 1.2))


def _due(engine: Engine) -> list[str]:
    try:
        with read(engine) as conn:
            return delivery_repository.due(conn, database_time(conn))
    except AWAY as error:
        log.error("events wait: the database cannot be reached or is busy: %s", getattr(error, "orig", error))
        return []


def _still_busy(busy: dict[str, Future[int]]) -> dict[str, Future[int]]:
    for webhook_id, future in busy.items():
        if future.done() and (error := future.exception()):
            # Its deliveries come back when their lease ends.
            log.error("webhook %s: delivery was interrupted", webhook_id, exc_info=error)
    return {webhook_id: future for webhook_id, future in busy.items() if not future.done()}


def _claim(engine: Engine, webhook_id: str) -> list[Claimed]:
    owner = secrets.token_hex(8)
    with write(engine) as conn:
        now = database_time(conn)
        return delivery_repository.claim(conn, webhook_id, owner, now, now + LEASE, _BATCH)


def _release(engine: Engine, batch: list[Claimed]) -> None:
    # One by one: a transaction that waits for several deliveries might wait crosswise for their erasure.
    for claimed in batch:
        with write(engine) as conn:
            delivery_repository.release(conn, claimed, database_time(conn))


def _deliver(engine: Engine, claimed: Claimed, allow_private: bool) -> bool:
    """Send one event and note the answer; false if the receiver should be left alone for now."""
    # Not the address: some receivers have their secret in it.
    about: dict[str, str | int] = {
        "listenwell.webhook_id": claimed.webhook_id,
        "listenwell.event_id": claimed.event_id,
        "listenwell.attempt": claimed.attempts,
    }
    with tracing.span("webhook delivery", about, outgoing=True) as span:
        answer = _send(engine, claimed, allow_private)
        if answer is not None:
            span.set_attributes(_told(answer))
    # Without one its comment was erased, its webhook removed, or another deliverer took it over.
    return answer is None or answer.accepted


def _send(engine: Engine, claimed: Claimed, allow_private: bool) -> Answer | None:
    """What the receiver said, noted already; None where there was nothing to send any more."""
    with read(engine) as conn:
        body = delivery_repository.body_of(conn, claimed)
        keys = webhook_repository.secrets_of(conn, claimed.webhook_id)
    if body is None:
        return None
    content = body.encode("utf-8")
    headers = signed(claimed.event_id, int(time.time()), content, keys)
    answer = post(claimed.url, headers, content, allow_private=allow_private)
    with write(engine) as conn:
        _note(conn, claimed, answer)
    return answer


def _told(answer: Answer) -> dict[str, str | int]:
    if answer.status is not None:
        return {"http.response.status_code": answer.status}
    return {"error.type": str(answer.error)}


def _note(conn: Connection, claimed: Claimed, answer: Answer) -> None:
    """Write down what a receiver said. The webhook's row comes before the delivery's, as in its removal."""
    now = database_time(conn)
    values: dict[str, Any] = {"last_status": answer.status, "last_error": answer.error, "next_at": None}
    if answer.accepted:
        webhook_repository.succeeded(conn, claimed.webhook_id, now)
        delivery_repository.finish(conn, claimed, values | {"delivered_at": now})
        return
    since = webhook_repository.failed(conn, claimed.webhook_id, now)
    if since is None:  # the webhook was removed meanwhile
        return
    last = _last_moment(claimed, since)
    if now < last:
        wait = max(backoff(claimed.attempts), answer.retry_after)
        values["next_at"] = min(now + timedelta(seconds=wait), last)
    delivery_repository.finish(conn, claimed, values)
    webhook_repository.rest(conn, claimed.webhook_id, now + _rest(answer, now - since))
    log.warning("webhook %s did not take event %s: %s", claimed.webhook_id, claimed.event_id, answer)
    if answer.status == 410:
        _disable(conn, claimed, "it answered 410 Gone")
    elif since <= now - GIVE_UP:
        _disable(conn, claimed, f"nothing was taken for {GIVE_UP.days} days, last: {answer}")


def _rest(answer: Answer, failing: timedelta) -> timedelta:
    """How long other events, too, are no reason to ask it again: the longer it has been failing the longer.

    One that answers well may refuse a single event, and take the next.
    """
    refuses = answer.status is not None and answer.status < 500 and answer.status not in (408, 429)
    seconds = min(max(0.0 if refuses else _FIRST, failing.total_seconds()), _LONGEST_REST)
    return timedelta(seconds=max(seconds, answer.retry_after))


def _last_moment(claimed: Claimed, since: datetime) -> datetime:
    """When an event is tried for the last time: three days on, and late enough to tell that all of them failed."""
    begun = min(max(claimed.created_at, since), claimed.created_at + _LATE)
    return begun + GIVE_UP


def _disable(conn: Connection, claimed: Claimed, reason: str) -> None:
    webhook_repository.disable(conn, claimed.webhook_id, reason)
    log.error("webhook %s is disabled: %s", claimed.webhook_id, reason)
