"""Every SQL statement on webhooks."""

import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.events.tables import delivery, webhook

OUTAGE = timedelta(minutes=10)
"""Failing for so long is no slip: when it is over, what waits is brought at once."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Whom to tell. `secret` is not part of its representation, so that no log shows it."""

    id: str
    tenant: str
    url: str
    types: tuple[str, ...]
    with_text: bool
    active: bool
    failing_since: datetime | None
    disabled_reason: str | None


_COLUMNS = [webhook.c[field.name] for field in fields(Webhook)]


def add(conn: Connection, tenant: str, url: str, types: tuple[str, ...], secret: str, with_text: bool) -> str:
    """A new webhook, active; its id."""
    id = f"wh_{secrets.token_hex(12)}"
    conn.execute(
        webhook.insert().values(
            id=id,
            tenant=tenant,
            url=url,
            secret=secret,
            types=list(types),
            with_text=with_text,
            active=True,
            created_at=database_time(conn),
        )
    )
    return id


def of_tenant(conn: Connection, tenant: str) -> list[tuple[Webhook, int]]:
    """The webhooks of a tenant, oldest first, with how many deliveries wait for each."""
    waiting = (
        sa.select(sa.func.count())
        .where(delivery.c.webhook_id == webhook.c.id, delivery.c.next_at.is_not(None))
        .scalar_subquery()
    )
    query = sa.select(*_COLUMNS, waiting.label("waiting")).where(webhook.c.tenant == tenant)
    rows = conn.execute(query.order_by(webhook.c.created_at, webhook.c.id)).mappings()
    return [(_read(row), int(row["waiting"])) for row in rows]


def find(conn: Connection, tenant: str, id: str) -> Webhook | None:
    """One webhook of a tenant, or None."""
    row = conn.execute(sa.select(*_COLUMNS).where(*_is(tenant, id))).mappings().one_or_none()
    return None if row is None else _read(row)


def held(conn: Connection, tenant: str) -> list[Webhook]:
    """The webhooks of a tenant, none of which can be removed until the transaction ends.

    Whoever writes or drops deliveries of several webhooks holds these first, as the removal of a webhook does:
    so no transaction fails for a webhook that goes meanwhile, and no two wait for each other crosswise.
    """
    query = sa.select(*_COLUMNS).where(webhook.c.tenant == tenant).order_by(webhook.c.id)
    return [_read(row) for row in conn.execute(query.with_for_update(read=True, key_share=True)).mappings()]


def tenants_wanting(conn: Connection, type: str) -> list[str]:
    """The tenants with an active webhook that wants events of a type, in alphabetical order."""
    found = conn.execute(sa.select(webhook.c.tenant, webhook.c.types).where(webhook.c.active))
    return sorted({tenant for tenant, types in found if type in types})


def remove(conn: Connection, tenant: str, id: str) -> bool:
    """Remove a webhook with its deliveries; false if there is none."""
    return conn.execute(webhook.delete().where(*_is(tenant, id))).rowcount == 1


def enable(conn: Connection, tenant: str, id: str) -> bool:
    """Deliver to a webhook (again), what waits for it at once; false if there is none."""
    again = webhook.update().where(*_is(tenant, id))
    values = {"active": True, "failing_since": None, "resting_until": None, "disabled_reason": None}
    if conn.execute(again.values(values)).rowcount == 0:
        return False
    _wake(conn, id, database_time(conn))
    return True


def rotate(conn: Connection, tenant: str, id: str, secret: str, grace: timedelta) -> bool:
    """Sign with a new secret, and for `grace` with the present one as well; false if there is none such."""
    values = {
        "secret": secret,
        "old_secret": webhook.c.secret,
        "old_secret_until": database_time(conn) + grace,
    }
    return conn.execute(webhook.update().where(*_is(tenant, id)).values(values)).rowcount == 1


def rotated_until(conn: Connection, tenant: str, id: str) -> datetime | None:
    """Until when the secret before the present one signs too; None if it does not any more."""
    query = sa.select(webhook.c.old_secret_until).where(*_is(tenant, id))
    return conn.scalar(query.where(webhook.c.old_secret_until > database_time(conn)))


def secrets_of(conn: Connection, id: str) -> list[str]:
    """What to sign with now: the secret, and the one before it while it is still good."""
    query = sa.select(webhook.c.secret, webhook.c.old_secret, webhook.c.old_secret_until)
    row = conn.execute(query.where(webhook.c.id == id)).one_or_none()
    if row is None:
        return []
    old_is_good = row.old_secret_until is not None and row.old_secret_until > database_time(conn)
    return [row.secret, row.old_secret] if old_is_good else [row.secret]


def succeeded(conn: Connection, id: str, now: datetime) -> None:
    """It took a delivery: it is no longer failing, and after an outage what waited through it is due.

    Not after a single failure: an event that a receiver never takes would come back with each that it takes.
    """
    failing = webhook.c.id == id, webhook.c.failing_since.is_not(None)
    since = conn.scalar(sa.select(webhook.c.failing_since).where(*failing).with_for_update())
    if since is None:
        return
    conn.execute(webhook.update().where(webhook.c.id == id).values(failing_since=None, resting_until=None))
    if now - since >= OUTAGE:
        _wake(conn, id, now)


def failed(conn: Connection, id: str, now: datetime) -> datetime | None:
    """It did not take a delivery; the answer is since when it has not. Its row is locked.

    Where nothing is waiting that failed before, nobody knows how it fared meanwhile, and it fails from now on.
    """
    failed_before = delivery.c.last_status.is_not(None) | delivery.c.last_error.is_not(None)
    waits = sa.exists().where(delivery.c.webhook_id == id, delivery.c.next_at.is_not(None), failed_before)
    this = sa.literal(now, webhook.c.failing_since.type)
    since = sa.case((waits, sa.func.coalesce(webhook.c.failing_since, this)), else_=this)
    noted = webhook.update().where(webhook.c.id == id).values(failing_since=since)
    conn.execute(noted)
    return conn.scalar(sa.select(webhook.c.failing_since).where(webhook.c.id == id))


def rest(conn: Connection, id: str, until: datetime) -> None:
    """Bring it nothing before that time."""
    conn.execute(webhook.update().where(webhook.c.id == id).values(resting_until=until))


def disable(conn: Connection, id: str, reason: str) -> None:
    """Stop delivering to it, until somebody enables it again."""
    conn.execute(webhook.update().where(webhook.c.id == id).values(active=False, disabled_reason=reason))


def census(conn: Connection) -> dict[str, int]:
    """How many webhooks of all tenants take their events ("working"), do not at present, or are disabled."""
    state = sa.case(
        (~webhook.c.active, "disabled"), (webhook.c.failing_since.is_not(None), "failing"), else_="working"
    )
    found = conn.execute(sa.select(state, sa.func.count()).group_by(state))
    return dict.fromkeys(("working", "failing", "disabled"), 0) | {name: number for name, number in found}


def _wake(conn: Connection, id: str, now: datetime) -> None:
    """What waits for it is due now, but for what a deliverer has in hand."""
    waits = delivery.c.webhook_id == id, delivery.c.next_at > now, delivery.c.owner.is_(None)
    conn.execute(delivery.update().where(*waits).values(next_at=now))


def _is(tenant: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return webhook.c.tenant == tenant, webhook.c.id == id


def _read(row: Any) -> Webhook:
    values = {field.name: row[field.name] for field in fields(Webhook)}
    return Webhook(**values | {"types": tuple(row["types"])})
