"""Every SQL statement on jobs and their items, but for those on who works on them (`leases.py`)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.jobs.leases import is_lapsed
from service.jobs.records import ACTIVE, Item, Job, Kind, NewJob
from service.jobs.tables import job, job_item
from service.listing import Cursor
from service.rollup_repository import upserter
from service.tables import analysis, comment

_ITEM_FIELDS = tuple(field.name for field in fields(Item))
_CHUNK = 2_000
"""Items that one transaction removes: nobody should wait long for its end."""


class Jobs(NamedTuple):
    """One page of jobs, the newest first, and the cursor of the next page, if there is one."""

    jobs: list[Job]
    next_cursor: str | None


def create(conn: Connection, new: NewJob) -> Job:
    """Keep a new job. Under an `idempotency_key` that was used before, the job of that time is the answer."""
    zeros = dict.fromkeys(("position", "created", "replayed", "replaced", "failed", "attempts"), 0)
    values = {**asdict(new), **zeros, "state": "queued", "created_at": database_time(conn)}
    insert = upserter(conn)(job).values(values)
    key = conn.scalar(
        insert.on_conflict_do_nothing(index_elements=["tenant", "idempotency_key"]).returning(job.c.key)
    )
    if key is not None:
        return by_key(conn, key)
    earlier = (job.c.tenant == new.tenant) & (job.c.idempotency_key == new.idempotency_key)
    found = _one(conn, earlier)
    # Removed by another transaction between the two statements: then this one is the first.
    return found if found is not None else create(conn, new)


def by_key(conn: Connection, key: int) -> Job:
    """The job of a key that was just claimed or made."""
    found = _one(conn, job.c.key == key)
    assert found is not None
    return found


def get(conn: Connection, tenant: str, id: str) -> Job | None:
    """One job, or None."""
    return _one(conn, (job.c.tenant == tenant) & (job.c.id == id))


def find_active(conn: Connection, tenant: str, kind: Kind, digest: str) -> Job | None:
    """The job that asks for this and has not ended, or None."""
    same = (job.c.tenant == tenant) & (job.c.kind == kind) & (job.c.digest == digest)
    return _one(conn, same & job.c.state.in_(ACTIVE))


def page(conn: Connection, tenant: str, limit: int, cursor: str | None = None) -> Jobs:
    """A page of a tenant's jobs; the last one of the page before may be gone by now.

    Raises `InputError` (`invalid_cursor`) if `cursor` is not one that an earlier page gave.
    """
    wanted = job.c.tenant == tenant
    if cursor is not None:
        wanted &= job.c.key < Cursor.decode(cursor).key
    rows = list(_jobs(conn, wanted, limit + 1))
    found = rows[:limit]
    more = len(rows) > limit
    return Jobs(found, Cursor(found[-1].created_at, found[-1].key).encode() if more else None)


def delete(conn: Connection, key: int) -> bool:
    """Remove some of what is kept of an ended job; true once all of it is gone. Call it until then."""
    some = sa.select(job_item.c.place).where(job_item.c.job_key == key).limit(_CHUNK)
    places = list(conn.scalars(some))
    conn.execute(job_item.delete().where(job_item.c.job_key == key, job_item.c.place.in_(places)))
    if len(places) == _CHUNK:
        return False
    conn.execute(job.delete().where(job.c.key == key, job.c.state.not_in(ACTIVE)))
    return True


def expired(conn: Connection, days: int) -> list[int]:
    """Keys of jobs that ended more than so many days ago."""
    oldest = database_time(conn) - timedelta(days=days)
    return list(
        conn.scalars(sa.select(job.c.key).where(job.c.state.not_in(ACTIVE), job.c.finished_at < oldest))
    )


def active_sources(conn: Connection) -> set[str]:
    """The files that jobs still need."""
    return set(conn.scalars(sa.select(job.c.source).where(job.c.state.in_(ACTIVE), job.c.kind == "upload")))


def rejecting(conn: Connection) -> list[Job]:
    """The jobs whose rejected rows are kept."""
    return list(_jobs(conn, job.c.rejects_until.is_not(None), None))


def end_rejects(conn: Connection) -> list[str]:
    """Ids of the jobs whose rejected rows are kept no longer, from now on."""
    over = sa.update(job).where(job.c.rejects_until <= database_time(conn)).values(rejects_until=None)
    return list(conn.scalars(over.returning(job.c.id)))


def active_ids(conn: Connection) -> set[str]:
    """Ids of the jobs that have not ended, of all tenants."""
    return set(conn.scalars(sa.select(job.c.id).where(job.c.state.in_(ACTIVE))))


def used_ids(conn: Connection, job_key: int, tenant: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that earlier rows of the job have."""
    if not ids:
        return set()
    query = (
        sa.select(comment.c.id)
        .join(job_item, job_item.c.comment_key == comment.c.key)
        .where(job_item.c.job_key == job_key, comment.c.tenant == tenant, comment.c.id.in_(ids))
    )
    return set(conn.scalars(query))


def add_items(conn: Connection, job_key: int, tenant: str, items: Sequence[Item]) -> None:
    """Keep what became of a batch of rows. A stored comment's id is kept as a reference to the comment."""
    stored = [item.comment_id for item in items if item.outcome is not None]
    query = sa.select(comment.c.id, comment.c.key).where(comment.c.tenant == tenant, comment.c.id.in_(stored))
    keys = {id: key for id, key in conn.execute(query)}
    rows = [
        vars(item) | {"job_key": job_key, "comment_key": None}
        if item.outcome is None
        else vars(item) | {"job_key": job_key, "comment_key": keys.get(item.comment_id), "comment_id": None}
        for item in items
    ]
    if rows:
        conn.execute(job_item.insert(), rows)


def errors(conn: Connection, job_key: int, limit: int, after: int = -1) -> list[Item]:
    """Rows that failed, in their order, those behind row `after`."""
    query = (
        sa.select(*(job_item.c[name] for name in _ITEM_FIELDS))
        .where(job_item.c.job_key == job_key, job_item.c.code.is_not(None), job_item.c.place > after)
        .order_by(job_item.c.place)
        .limit(limit)
    )
    return [Item(**row) for row in conn.execute(query).mappings()]


def results(conn: Connection, job_key: int, limit: int, after: int = -1) -> list[dict[str, Any]]:
    """Analyses of the job's comments as they are stored now, in the order of the rows, with `index`.

    Comments that were erased are not among them.
    """
    query = (
        sa.select(job_item.c.place, job_item.c.outcome, analysis.c.body)
        .join(analysis, analysis.c.comment_key == job_item.c.comment_key)
        .where(job_item.c.job_key == job_key, job_item.c.place > after)
        .order_by(job_item.c.place)
        .limit(limit)
    )
    return [{"index": place, **body, "outcome": outcome} for place, outcome, body in conn.execute(query)]


def census(conn: Connection) -> Counter[tuple[str, str]]:
    """How many jobs of all tenants there are of each kind and state."""
    found = sa.select(job.c.kind, job.c.state, sa.func.count()).group_by(job.c.kind, job.c.state)
    return Counter({(kind, state): number for kind, state, number in conn.execute(found)})


def queue_age(conn: Connection) -> float:
    """Seconds that the oldest uploaded job has waited without having been begun; 0 where none waits."""
    waits = (job.c.kind == "upload", job.c.state == "queued", job.c.started_at.is_(None))
    first = conn.scalar(sa.select(sa.func.min(job.c.created_at)).where(*waits))
    return 0.0 if first is None else max((database_time(conn) - first).total_seconds(), 0.0)


def _one(conn: Connection, condition: sa.ColumnElement[bool]) -> Job | None:
    return next(_jobs(conn, condition, 1), None)


def _jobs(conn: Connection, condition: sa.ColumnElement[bool], limit: int | None) -> Iterator[Job]:
    lapsed = is_lapsed(database_time(conn)).label("lapsed")
    query = sa.select(job, lapsed).where(condition).order_by(job.c.key.desc()).limit(limit)
    return (Job(**row) for row in conn.execute(query).mappings())
