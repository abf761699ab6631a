"""Every SQL statement on the answers that are kept by idempotency key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.idempotency.tables import idempotency, idempotency_comment
from service.rollup_repository import upserter

_CHUNK = 5_000


@dataclass(frozen=True)
class Kept:
    """What is known of a key: whose request it is, and the answer, where there is one yet."""

    digest: str
    body: str | None
    erased: bool


def reserve(conn: Connection, tenant: str, key: str, digest: str, now: datetime, oldest: datetime) -> Kept:
    """Take a key for a request, unless one has it since `oldest`; what the key stands for by now."""
    own = _is(tenant, key)
    conn.execute(idempotency.delete().where(*own, idempotency.c.created_at < oldest))
    first = upserter(conn)(idempotency).values(
        tenant=tenant, key=key, digest=digest, erased=False, created_at=now
    )
    conn.execute(first.on_conflict_do_nothing(index_elements=["tenant", "key"]))
    query = sa.select(idempotency.c.digest, idempotency.c.body, idempotency.c.erased).where(*own)
    return Kept(*conn.execute(query).one())


def keep(conn: Connection, tenant: str, key: str, status: int, body: str, comment_ids: Sequence[str]) -> bool:
    """Keep the answer of a reserved key, once; false if there is one already."""
    open_ = idempotency.update().where(
        *_is(tenant, key), idempotency.c.body.is_(None), idempotency.c.erased.is_(False)
    )
    if conn.execute(open_.values(status=status, body=body)).rowcount == 0:
        return False
    link(conn, tenant, key, comment_ids)
    return True


def body_of(conn: Connection, tenant: str, key: str) -> str | None:
    """The answer that is kept."""
    return conn.scalar(sa.select(idempotency.c.body).where(*_is(tenant, key)))


def link(conn: Connection, tenant: str, key: str, comment_ids: Sequence[str]) -> None:
    """Note which comments a reserved key's request is about, so that the erasure of one finds it."""
    rows = [{"tenant": tenant, "key": key, "comment_id": id} for id in dict.fromkeys(comment_ids)]
    if rows:
        conn.execute(upserter(conn)(idempotency_comment).on_conflict_do_nothing(), rows)


def spoil(conn: Connection, tenant: str, key: str) -> None:
    """A comment of its answer is erased: from now on the key stands for that alone."""
    conn.execute(idempotency.update().where(*_is(tenant, key)).values(status=None, body=None, erased=True))


def forget(conn: Connection, tenant: str, comment_ids: Sequence[str]) -> None:
    """Drop the answers that quote any of these comments. Their keys stay taken: a late retry must not bring back
    what was erased. The ids themselves go."""
    for start in range(0, len(comment_ids), _CHUNK):
        about = (
            idempotency_comment.c.tenant == tenant,
            idempotency_comment.c.comment_id.in_(comment_ids[start : start + _CHUNK]),
        )
        quoted = sa.select(idempotency_comment.c.key).where(*about)
        own = idempotency.c.tenant == tenant
        # In order, so that two erasures of comments in the same answers never wait for each other crosswise.
        found = sa.select(idempotency.c.key).where(own, idempotency.c.key.in_(quoted))
        keys = list(conn.scalars(found.order_by(idempotency.c.key).with_for_update()))
        dropped = idempotency.update().where(own, idempotency.c.key.in_(keys))
        conn.execute(dropped.values(status=None, body=None, erased=True))
        conn.execute(idempotency_comment.delete().where(*about))


def sweep(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` keys that are older than `before`; how many there were."""
    which = sa.tuple_(idempotency.c.tenant, idempotency.c.key)
    old = sa.select(idempotency.c.tenant, idempotency.c.key).where(idempotency.c.created_at < before)
    found = [tuple(row) for row in conn.execute(old.limit(limit).with_for_update(skip_locked=True))]
    conn.execute(idempotency.delete().where(which.in_(found)))
    return len(found)


def _is(tenant: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return idempotency.c.tenant == tenant, idempotency.c.key == key
