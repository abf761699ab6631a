"""Every SQL statement on events and their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.events.tables import delivery, event, webhook

_CHUNK = 5_000


@dataclass(frozen=True)
class Claimed:
    """A delivery that this owner, and nobody else, is to make."""

    event_id: str
    webhook_id: str
    owner: str
    attempts: int
    url: str
    created_at: datetime


def enqueue(
    conn: Connection, events: Sequence[dict[str, Any]], recipients: Sequence[tuple[str, str]]
) -> None:
    """Write events, and a delivery for each pair of an event's id and a webhook's id."""
    due = {row["id"]: row["created_at"] for row in events}
    conn.execute(event.insert(), list(events))
    conn.execute(
        delivery.insert(),
        [
            {"event_id": event_id, "webhook_id": webhook_id, "attempts": 0, "next_at": due[event_id]}
            for event_id, webhook_id in recipients
        ],
    )


def forget(conn: Connection, tenant: str, subjects: Sequence[str]) -> None:
    """Drop whatever is kept of events about these comments, delivered or not.

    The caller holds the tenant's webhooks.
    """
    for start in range(0, len(subjects), _CHUNK):
        about = event.c.subject.in_(subjects[start : start + _CHUNK])
        found = sa.select(event.c.id).where(event.c.tenant == tenant, about)
        _drop(conn, list(conn.scalars(found.order_by(event.c.id).with_for_update())))


def due(conn: Connection, now: datetime) -> list[str]:
    """The ids of the webhooks that something is due to: active ones that are not resting."""
    waits = sa.exists().where(delivery.c.webhook_id == webhook.c.id, delivery.c.next_at <= now)
    return list(conn.scalars(sa.select(webhook.c.id).where(_may_be_asked(now), waits)))


def claim(
    conn: Connection, webhook_id: str, owner: str, now: datetime, until: datetime, limit: int
) -> list[Claimed]:
    """Take up to `limit` due deliveries to one webhook, oldest first; from `until` on others may take them.

    A webhook that fails at present is given one at a time.
    """
    most = sa.select(sa.case((webhook.c.failing_since.is_(None), limit), else_=1))
    allowed = conn.scalar(most.where(webhook.c.id == webhook_id, _may_be_asked(now)))
    if allowed is None:
        return []
    free = sa.select(delivery.c.event_id).where(
        delivery.c.webhook_id == webhook_id, delivery.c.next_at <= now
    )
    first = free.order_by(delivery.c.next_at, delivery.c.event_id).limit(allowed)
    ids = list(conn.scalars(first.with_for_update(skip_locked=True)))
    mine = (delivery.c.webhook_id == webhook_id) & delivery.c.event_id.in_(ids)
    taken = {"next_at": until, "owner": owner, "attempts": delivery.c.attempts + 1}
    conn.execute(delivery.update().where(mine).values(taken))
    query = sa.select(event.c.id, delivery.c.attempts, webhook.c.url, event.c.created_at)
    found = query.select_from(delivery.join(event).join(webhook)).where(mine).order_by(event.c.created_at)
    return [
        Claimed(id, webhook_id, owner, attempts, url, at) for id, attempts, url, at in conn.execute(found)
    ]


def body_of(conn: Connection, claimed: Claimed) -> str | None:
    """What to send, asked for just before it is sent: None if the delivery is another's or gone by now."""
    return conn.scalar(sa.select(event.c.body).select_from(event.join(delivery)).where(*_ours(claimed)))


def finish(conn: Connection, claimed: Claimed, values: dict[str, Any]) -> bool:
    """Write what became of a claimed delivery; false, and nothing written, if it is another's by now."""
    ours = _ours(claimed)
    return conn.execute(delivery.update().where(*ours).values(owner=None, **values)).rowcount == 1


def release(conn: Connection, claimed: Claimed, now: datetime) -> None:
    """Give back a delivery that was not tried; it does not count as an attempt."""
    values = {"owner": None, "next_at": now, "attempts": delivery.c.attempts - 1}
    conn.execute(delivery.update().where(*_ours(claimed)).values(values))


def sweep(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` events that are older than `before`; how many there were."""
    # See `webhook_repository.held`: the deliveries of any webhook may go here.
    conn.execute(sa.select(webhook.c.id).order_by(webhook.c.id).with_for_update(read=True, key_share=True))
    old = sa.select(event.c.id).where(event.c.created_at < before).limit(limit)
    ids = list(conn.scalars(old.with_for_update(skip_locked=True)))
    _drop(conn, ids)
    return len(ids)


@dataclass(frozen=True)
class Backlog:
    """Deliveries of all tenants: to be made, of these tried in vain so far, given up; age of the oldest in seconds."""

    waiting: int
    retried: int
    given_up: int
    oldest: float


def backlog(conn: Connection) -> Backlog:
    """What waits for active webhooks, and what was given up of the events still kept."""
    waits = delivery.c.next_at.is_not(None) & webhook.c.active
    # Tried and not at it right now.
    tried = waits & (delivery.c.last_status.is_not(None) | delivery.c.last_error.is_not(None))
    gone = delivery.c.next_at.is_(None) & delivery.c.delivered_at.is_(None)
    query = sa.select(
        sa.func.count().filter(waits).label("waiting"),
        sa.func.count().filter(tried).label("retried"),
        sa.func.count().filter(gone).label("given_up"),
        sa.func.min(event.c.created_at).filter(waits).label("first"),
    )
    found = conn.execute(query.select_from(delivery.join(event).join(webhook))).one()
    oldest = 0.0 if found.first is None else (database_time(conn) - found.first).total_seconds()
    return Backlog(found.waiting, found.retried, found.given_up, max(oldest, 0.0))


def _drop(conn: Connection, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), _CHUNK):
        conn.execute(event.delete().where(event.c.id.in_(ids[start : start + _CHUNK])))


def _may_be_asked(now: datetime) -> sa.ColumnElement[bool]:
    rested = webhook.c.resting_until.is_(None) | (webhook.c.resting_until <= now)
    return webhook.c.active & rested


def _ours(claimed: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        delivery.c.event_id == claimed.event_id,
        delivery.c.webhook_id == claimed.webhook_id,
        delivery.c.owner == claimed.owner,
    )
