"""Every SQL statement on who works on a job: claim, hold, advance, release, finish.

A job belongs to the worker named in `owner` until another one claims it, which it may once `lease_until` is
over by the database's clock. Each write of a worker first holds the job (`hold`): a row lock and a look at
`owner` in one statement. Whoever lost the job writes nothing more, however long it slept (fencing).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.events import outbox
from service.jobs.records import ACTIVE, OUTCOMES, Kind, LeaseLost, State
from service.jobs.tables import job
from service.tables import UtcDateTime

MAX_ATTEMPTS = 10
"""Claims without one committed batch, after which a job is given up: it may be what kills its workers."""

_LOCK = sa.table("pg_locks", *map(sa.column, ("pid", "locktype", "granted", "transactionid")))
_SESSION = sa.table("pg_stat_activity", *map(sa.column, ("pid", "state_change", "wait_event")))


def is_lapsed(moment: datetime) -> sa.ColumnElement[bool]:
    """Whether nobody holds the job at that moment."""
    return sa.or_(job.c.lease_until.is_(None), job.c.lease_until <= moment)


def waiting(conn: Connection, kind: Kind) -> bool:
    """Whether there is a job to claim. Takes no lock, so that idle workers disturb nobody."""
    return conn.scalar(_claimable(kind, database_time(conn))) is not None


def claim(conn: Connection, kind: Kind, owner: str, seconds: float) -> int | None:
    """The key of the oldest job that nobody holds, now held by `owner`; None if there is none.

    Two that claim at once get two different jobs. One that only a frozen process still locks is there to be claimed
    the next time.
    """
    moment = database_time(conn)
    while True:
        key: int | None = conn.scalar(_claimable(kind, moment).with_for_update(skip_locked=True))
        if key is None:
            _cut_off(conn, _claimable(kind, moment), seconds)
            return None
        if conn.scalars(sa.select(job.c.attempts).where(job.c.key == key)).one() < MAX_ATTEMPTS:
            _take(conn, key, owner, moment, seconds)
            return key
        _give_up(conn, key, moment)


def claim_one(conn: Connection, key: int, owner: str, seconds: float, *, by_force: bool = False) -> bool:
    """Hold a certain job; false if it has ended or somebody holds it, unless `by_force`."""
    moment = database_time(conn)
    free = sa.select(job.c.key).where(job.c.key == key, job.c.state.in_(ACTIVE))
    if not by_force:
        free = free.where(is_lapsed(moment))
        _cut_off(conn, free, seconds)
    if conn.scalar(free.with_for_update()) is None:
        return False
    _take(conn, key, owner, moment, seconds)
    return True


def hold(conn: Connection, key: int, owner: str, seconds: float) -> None:
    """Extend the lease and lock the job until the transaction ends. Raises `LeaseLost`.

    The lock must not outlive the lease: PostgreSQL ends the transaction of a worker that was frozen in it.
    """
    if conn.dialect.name == "postgresql":
        longest = str(max(round(seconds * 1000), 1))
        conn.execute(sa.select(sa.func.set_config("idle_in_transaction_session_timeout", longest, True)))
    until = database_time(conn) + timedelta(seconds=seconds)
    held = sa.update(job).where(job.c.key == key, job.c.owner == owner, job.c.state == "running")
    if conn.execute(held.values(lease_until=until)).rowcount != 1:
        raise LeaseLost("the job was cancelled, or another worker has it")


def advance(conn: Connection, key: int, position: int, outcomes: Counter[str], *, rate: float | None) -> None:
    """Count a batch; only in a transaction that holds the job."""
    counts = {name: job.c[name] + outcomes[name] for name in OUTCOMES}
    over = {"attempts": 0, "error_code": None, "error_detail": None}  # whatever kept it from going on
    values: Mapping[str, Any] = {"position": position, "rate": rate, **over, **counts}
    conn.execute(sa.update(job).where(job.c.key == key).values(values))


def set_total(conn: Connection, key: int, total: int | None) -> None:
    """How many rows there are, as far as known; only in a transaction that holds the job."""
    conn.execute(sa.update(job).where(job.c.key == key).values(total=total))


def release(
    conn: Connection,
    key: int,
    *,
    after: float = 0,
    code: str | None = None,
    detail: str | None = None,
    failed: bool = False,
) -> None:
    """Give a held job back, to be claimed again after some seconds; `code` says why it waits.

    Only a `failed` attempt counts as one: a worker that was asked to stop, or a quota, is not the job's fault.
    """
    values: dict[str, Any] = {
        "state": "queued",
        "owner": None,
        "rate": None,
        "lease_until": database_time(conn) + timedelta(seconds=after),
        "error_code": code,
        "error_detail": detail,
    }
    if not failed:
        values["attempts"] = sa.case((job.c.attempts > 0, job.c.attempts - 1), else_=0)
    conn.execute(sa.update(job).where(job.c.key == key).values(values))


def finish(
    conn: Connection,
    key: int,
    state: State,
    *,
    code: str | None = None,
    detail: str | None = None,
    rejects: timedelta | None = None,
) -> None:
    """End a job; only in a transaction that holds it. `rejects` is how long its rejected rows are kept."""
    moment = database_time(conn)
    ended: dict[str, Any] = {"state": state, "error_code": code, "error_detail": detail}
    _end(conn, key, ended | {"rejects_until": rejects and moment + rejects}, moment)


def cancel(conn: Connection, tenant: str, id: str) -> bool:
    """End an active job from outside: its worker loses the lease, and with it the batch it is at."""
    mine = sa.select(job.c.key).where(job.c.tenant == tenant, job.c.id == id, job.c.state.in_(ACTIVE))
    key = conn.scalar(mine.with_for_update())
    if key is not None:
        _end(conn, key, {"state": "cancelled"}, database_time(conn))
    return key is not None


def lock_readers(conn: Connection, tenant: str) -> bool:
    """Whether any job of the tenant has rows to store or to give back; none of them can store now.

    Whoever erases calls this first: a batch that is being stored is waited for, and its comments are then seen.
    """
    given = (job.c.tenant == tenant) & (job.c.kind != "rescore")
    active = sa.select(job.c.key).where(given, job.c.state.in_(ACTIVE)).order_by(job.c.key)
    if conn.scalars(active.with_for_update(read=True)).all():
        return True
    kept = sa.select(job.c.key).where(given, job.c.rejects_until > database_time(conn)).limit(1)
    return conn.scalar(kept) is not None


def _cut_off(conn: Connection, lapsed: sa.Select[Any], seconds: float) -> None:
    """End the sessions that lock lapsed jobs and have had the server wait for them for longer than a lease.

    What `hold` sets counts between statements only: PostgreSQL waits for ever for the rest of one that a process was
    frozen in sending, or until its answer is read. An updated row has in its `xmax` who locks it.
    """
    if conn.dialect.name != "postgresql":
        return
    theirs: sa.Select[Any] = (
        lapsed.with_only_columns(sa.literal_column("job.xmax")).order_by(None).limit(None)
    )
    silent = sa.func.clock_timestamp() - _SESSION.c.state_change > timedelta(seconds=seconds)
    conn.execute(
        sa.select(sa.func.pg_terminate_backend(_SESSION.c.pid))
        .join_from(_LOCK, _SESSION, _SESSION.c.pid == _LOCK.c.pid)
        .where(_LOCK.c.locktype == "transactionid", _LOCK.c.granted, silent)
        .where(_SESSION.c.wait_event.in_(("ClientRead", "ClientWrite")))
        .where(_LOCK.c.transactionid.in_(theirs))
    ).all()


def _claimable(kind: Kind, moment: datetime) -> sa.Select[Any]:
    free = sa.select(job.c.key).where(job.c.state.in_(ACTIVE), job.c.kind == kind, is_lapsed(moment))
    return free.order_by(job.c.key).limit(1)


def _take(conn: Connection, key: int, owner: str, moment: datetime, seconds: float) -> None:
    conn.execute(
        sa.update(job)
        .where(job.c.key == key)
        .values(
            state="running",
            owner=owner,
            lease_until=moment + timedelta(seconds=seconds),
            attempts=job.c.attempts + 1,
            rate=None,
            started_at=sa.func.coalesce(job.c.started_at, sa.literal(moment, UtcDateTime())),
        )
    )


def _give_up(conn: Connection, key: int, moment: datetime) -> None:
    detail = f"given up after {MAX_ATTEMPTS} attempts that stored nothing"
    ended = {
        "state": "failed",
        "error_code": sa.func.coalesce(job.c.error_code, "gave_up"),
        "error_detail": sa.func.coalesce(job.c.error_detail + "; " + detail, detail),
    }
    _end(conn, key, ended, moment)


def _end(conn: Connection, key: int, values: Mapping[str, Any], moment: datetime) -> None:
    ended = {"owner": None, "lease_until": None, "rate": None, "finished_at": moment, **values}
    told = (job.c.tenant, job.c.id, job.c.kind, job.c.state, job.c.position, job.c.error_code)
    row = conn.execute(
        sa.update(job)
        .where(job.c.key == key)
        .values(ended)
        .returning(*told, *(job.c[one] for one in OUTCOMES))
    ).one()
    counts = {name: getattr(row, name) for name in OUTCOMES}
    data = {"id": row.id, "kind": row.kind, "state": row.state, "rows": row.position, "counts": counts}
    outbox.announce(conn, row.tenant, "job.finished", [outbox.News(None, data | {"error": row.error_code})])
