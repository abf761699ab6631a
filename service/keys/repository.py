"""Every SQL statement on keys, on what they used of their limits, and on the installation's secrets.

Times that decide come from the database: the machines that share it may not agree on theirs.
"""

import secrets
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.database import glance
from service.keys.key import Key
from service.keys.tables import api_key, installation_secret, key_usage
from service.rollup_repository import upserter

_NOTED_EVERY = timedelta(minutes=1)
_KEY_FIELDS = tuple(field.name for field in fields(Key))


class Usage(NamedTuple):
    """What is counted in a window, in how many seconds the window ends, and when it began (0: not yet)."""

    used: int
    ends_in: int
    started: int = 0


# Asked at every request: to put a statement together takes longer than to run it.
_ANY_KEY = "SELECT 1 FROM api_key LIMIT 1"


def now(conn: Connection) -> datetime:
    """The database's clock, to the second."""
    return _moment(conn.execute(sa.select(_seconds(conn.dialect.name))).scalar_one())


def exists(engine: sa.Engine) -> bool:
    """Whether there ever was a key, as of now: asked anew each time, so that the first one counts at once."""
    return glance(engine, _ANY_KEY) is not None


def add(conn: Connection, key: Key) -> None:
    """Keep a new key."""
    conn.execute(api_key.insert().values(_values(key)))


def find(conn: Connection, id: str) -> tuple[Key, datetime] | None:
    """A key and the database's time, in one statement; None if there is no such key."""
    row = conn.execute(_key_and_time(conn.dialect.name), {"key_id": id}).mappings().first()
    return None if row is None else (_read(row), _moment(row["now"]))


def all_keys(conn: Connection, tenant: str | None = None) -> list[Key]:
    """All keys, or those of one tenant, the oldest first."""
    query = sa.select(api_key).order_by(api_key.c.created_at, api_key.c.id)
    if tenant is not None:
        query = query.where(api_key.c.tenant == tenant)
    return [_read(row) for row in conn.execute(query).mappings()]


def rotate(conn: Connection, id: str, new_hash: str, previous_until: datetime) -> bool:
    """Give a key that is not revoked a new secret; the one before counts until then. False if there is none."""
    changed = conn.execute(
        api_key.update()
        .where(api_key.c.id == id, api_key.c.revoked_at.is_(None))
        .values(
            previous_hash=api_key.c.secret_hash,
            previous_until=previous_until,
            secret_hash=sa.literal(new_hash),
        )
    )
    return changed.rowcount == 1


def revoke(conn: Connection, id: str) -> bool:
    """End a key; a second time changes nothing. False if there is none."""
    revoked_at = sa.func.coalesce(api_key.c.revoked_at, sa.literal(now(conn), api_key.c.revoked_at.type))
    changed = conn.execute(api_key.update().where(api_key.c.id == id).values(revoked_at=revoked_at))
    return changed.rowcount == 1


def is_noted(key: Key, now: datetime) -> bool:
    """Whether its last use is known to the minute."""
    return key.last_used_at is not None and now - key.last_used_at < _NOTED_EVERY


def note_use(conn: Connection, id: str, now: datetime) -> None:
    """Remember that a key was used, unless another request of this minute did."""
    last = api_key.c.last_used_at
    stale = last.is_(None) | (last <= now - _NOTED_EVERY)
    conn.execute(api_key.update().where(api_key.c.id == id, stale).values(last_used_at=now))


def take(
    conn: Connection, key_id: str, measure: str, amount: int, *, most: int, seconds: int
) -> Usage | None:
    """Count this amount in the window of now, if no more than `most` is counted then; None if it would be more.

    One statement, so that several processes share one count. `amount` must not be above `most`.
    """
    now = _seconds(conn.dialect.name)
    insert = upserter(conn)(key_usage).values(
        key_id=key_id, measure=measure, started=now - now % seconds, count=amount
    )
    # A clock that was set back must not give a second allowance: only a later window starts from nothing.
    later = insert.excluded.started > key_usage.c.started
    started = sa.case((later, insert.excluded.started), else_=key_usage.c.started)
    count = sa.case((later, insert.excluded.count), else_=key_usage.c.count + insert.excluded.count)
    statement = insert.on_conflict_do_update(
        index_elements=key_usage.primary_key, set_={"started": started, "count": count}, where=count <= most
    ).returning(key_usage.c.count, key_usage.c.started + seconds - now, key_usage.c.started)
    row = conn.execute(statement).first()
    return None if row is None else Usage(*row)


def give_back(conn: Connection, key_id: str, measure: str, amount: int, *, started: int) -> None:
    """Count this amount no longer. Where the window it was taken in is over, that of now is left as it is."""
    conn.execute(
        key_usage.update()
        .where(key_usage.c.key_id == key_id, key_usage.c.measure == measure)
        .where(key_usage.c.started == started, key_usage.c.count >= amount)
        .values(count=key_usage.c.count - amount)
    )


def usage(conn: Connection, key_id: str, measure: str, *, seconds: int) -> Usage:
    """What is counted in the window of now."""
    now = _seconds(conn.dialect.name)
    row = conn.execute(
        sa.select(key_usage.c.count, key_usage.c.started + seconds - now, key_usage.c.started).where(
            key_usage.c.key_id == key_id, key_usage.c.measure == measure
        )
    ).first()
    if row is not None and row[1] > 0:
        return Usage(*row)
    return Usage(0, conn.execute(sa.select(seconds - now % seconds)).scalar_one())


def secret(conn: Connection, name: str) -> str:
    """A secret of this installation: 32 random bytes (hex), made when it is first asked for."""
    values = {"name": name, "value": secrets.token_hex(32)}
    conn.execute(
        upserter(conn)(installation_secret).values(values).on_conflict_do_nothing(index_elements=["name"])
    )
    query = sa.select(installation_secret.c.value).where(installation_secret.c.name == name)
    return str(conn.execute(query).scalar_one())


def known_secret(conn: Connection, name: str) -> str | None:
    """The same, if it was asked for before."""
    query = sa.select(installation_secret.c.value).where(installation_secret.c.name == name)
    return conn.execute(query).scalar_one_or_none()


@cache
def _key_and_time(dialect: str) -> sa.Select[Any]:
    return sa.select(api_key, _seconds(dialect).label("now")).where(api_key.c.id == sa.bindparam("key_id"))


def _seconds(dialect: str) -> sa.ColumnElement[int]:
    """The database's clock in whole seconds of the epoch."""
    if dialect == "postgresql":
        return sa.cast(sa.func.floor(sa.extract("epoch", sa.func.clock_timestamp())), sa.BigInteger)
    return sa.cast(sa.func.strftime("%s", "now"), sa.BigInteger)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _values(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _KEY_FIELDS} | {"scopes": " ".join(sorted(key.scopes))}


def _read(row: sa.RowMapping) -> Key:
    values = {name: row[name] for name in _KEY_FIELDS}
    return Key(**values | {"scopes": frozenset(row["scopes"].split())})
