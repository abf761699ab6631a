"""Every SQL statement on the audit of erasure, on tombstones, on retention and on the installation's salt."""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.database import chunks
from service.jobs.records import ACTIVE
from service.jobs.tables import job, job_item
from service.privacy.tables import erasure, installation, retention, tombstone
from service.rollup_repository import upserter

What = Literal["comment", "customer", "retention"]
_SALT = "erasure_salt"


@dataclass(frozen=True)
class AuditLine:
    """What was erased when and by whom, without what it was."""

    at: datetime
    what: What
    subject_hash: str | None
    count: int
    actor: str


def add_line(conn: Connection, tenant: str, line: AuditLine) -> None:
    """Write an audit line."""
    conn.execute(
        erasure.insert().values(
            tenant=tenant,
            at=line.at,
            what=line.what,
            subject_hash=line.subject_hash,
            count=line.count,
            actor=line.actor,
        )
    )


def lines(conn: Connection, tenant: str) -> list[AuditLine]:
    """The audit of a tenant, oldest first."""
    c = erasure.c
    query = sa.select(c.at, c.what, c.subject_hash, c.count, c.actor).where(c.tenant == tenant)
    return [AuditLine(*row) for row in conn.execute(query.order_by(c.key))]


def hash_of(conn: Connection, id: str) -> str:
    """The hash under which an id stands in the audit: HMAC-SHA256 with a salt of this installation.

    Whoever holds an id can ask whether it was erased; nobody can find ids by hashing guesses without the salt.
    """
    new = upserter(conn)(installation).values(name=_SALT, value=secrets.token_hex(32))
    conn.execute(new.on_conflict_do_nothing(index_elements=["name"]))
    return _hash(_salt(conn) or "", id)


def bury(conn: Connection, tenant: str, what: What, id: str) -> None:
    """Remember that this was erased now, for the jobs that were sent before."""
    now = database_time(conn)
    new = upserter(conn)(tombstone).values(tenant=tenant, what=what, subject_hash=hash_of(conn, id), at=now)
    conn.execute(new.on_conflict_do_update(index_elements=tombstone.primary_key, set_={"at": now}))


def buried(conn: Connection, tenant: str, since: datetime, what: What, ids: Iterable[str]) -> set[str]:
    """Those of the ids that were erased at that time or later, as far as it had to be remembered."""
    if not anything_buried(conn, tenant, since):
        return set()
    mine = (tombstone.c.tenant == tenant) & (tombstone.c.what == what) & (tombstone.c.at >= since)
    salt = _salt(conn) or ""
    hashes = {_hash(salt, id): id for id in ids}
    found: set[str] = set()
    for chunk in chunks(list(hashes)):
        query = sa.select(tombstone.c.subject_hash).where(mine, tombstone.c.subject_hash.in_(chunk))
        found.update(hashes[one] for one in conn.scalars(query))
    return found


def anything_buried(conn: Connection, tenant: str, since: datetime) -> bool:
    """Whether anything was erased at that time or later that had to be remembered."""
    mine = (tombstone.c.tenant == tenant) & (tombstone.c.at >= since)
    return conn.execute(sa.select(sa.literal(1)).where(mine).limit(1)).first() is not None


def unname(conn: Connection, tenant: str, ids: Sequence[str]) -> None:
    """Take these comments' ids out of the errors of jobs that have read them."""
    theirs = job_item.c.job_key.in_(sa.select(job.c.key).where(job.c.tenant == tenant))
    for chunk in chunks(list(ids)):
        named = job_item.c.comment_id.in_(chunk)
        conn.execute(job_item.update().where(named, theirs).values(comment_id=None))


def forget_tombstones(conn: Connection) -> None:
    """Remove those that no job needs any more."""
    # The errors of a job name their rows by id, as long as it is kept.
    named = sa.exists().where(job_item.c.job_key == job.c.key, job_item.c.comment_id.is_not(None))
    reads = (
        job.c.state.in_(ACTIVE) | (job.c.rejects_until > database_time(conn)) | ((job.c.failed > 0) & named)
    )
    of_it = (job.c.tenant == tombstone.c.tenant) & (job.c.created_at <= tombstone.c.at)
    conn.execute(tombstone.delete().where(~sa.exists().where(of_it, reads)))


def set_retention(conn: Connection, tenant: str, days: int | None) -> None:
    """Keep a tenant's comments for so many days, or for ever."""
    if days is None:
        conn.execute(retention.delete().where(retention.c.tenant == tenant))
        return
    new = upserter(conn)(retention).values(tenant=tenant, days=days)
    conn.execute(new.on_conflict_do_update(index_elements=["tenant"], set_={"days": days}))


def retentions(conn: Connection) -> dict[str, int]:
    """Days by tenant, where a limit was set."""
    return {row.tenant: row.days for row in conn.execute(sa.select(retention).order_by(retention.c.tenant))}


def _salt(conn: Connection) -> str | None:
    return conn.scalar(sa.select(installation.c.value).where(installation.c.name == _SALT))


def _hash(salt: str, id: str) -> str:
    return hmac.digest(bytes.fromhex(salt), id.encode("utf-8", "surrogatepass"), "sha256").hex()
