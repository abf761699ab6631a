"""Every SQL statement on the audit of erasure, on retention and on the installation's salt."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.privacy.tables import erasure, installation, retention
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
    salt = conn.execute(sa.select(installation.c.value).where(installation.c.name == _SALT)).scalar_one()
    return hmac.digest(bytes.fromhex(salt), id.encode("utf-8"), "sha256").hex()


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
