"""Erasing comments, with all that must go or be told with them, in the caller's one transaction.

The comment's analysis and its share of the metrics go in `repository`; here follow what the outbox and the kept
answers hold of it, the events that tell of it, and one audit line without content. While jobs still have rows to
read, a tombstone keeps them from bringing back what was erased. Erasing again finds nothing and changes nothing.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

import models
from service import repository
from service.clock import database_time
from service.database import read, write
from service.etags import etag, matches
from service.events import outbox
from service.idempotency import repository as answers
from service.jobs import leases
from service.privacy import repository as audit
from service.privacy.repository import AuditLine, What

BATCH = 500
"""Comments that retention erases in one transaction: few enough that writers need not wait long."""


def erase_comment(conn: Connection, tenant: str, id: str, actor: str, *, if_match: str | None = None) -> bool:
    """Erase one comment; false if there is none.

    Raises `InputError` "changed_meanwhile" if `if_match` is given and names another state of it.
    """
    has_readers = leases.lock_readers(conn, tenant)
    if if_match is not None:
        stored = repository.locked(conn, tenant, id)
        if stored is not None and not matches(if_match, etag(stored)):
            raise models.InputError("the comment is not as it was when it was read", code="changed_meanwhile")
    if has_readers:
        audit.bury(conn, tenant, "comment", id)
    if not repository.delete(conn, tenant, id):
        # A row that could not be stored may be known by it.
        audit.unname(conn, tenant, [id])
        return False
    _follow(conn, tenant, [id], "comment", id, actor)
    return True


def erase_customer(conn: Connection, tenant: str, customer_id: str, actor: str) -> int:
    """Erase all comments of one customer; how many there were."""
    if leases.lock_readers(conn, tenant):
        audit.bury(conn, tenant, "customer", customer_id)
    ids = repository.delete_customer(conn, tenant, customer_id)
    _follow(conn, tenant, ids, "customer", customer_id, actor)
    return len(ids)


def enforce_retention(engine: Engine) -> int:
    """Erase what is older than its tenant keeps comments, in batches; how many there were."""
    with read(engine) as conn:
        limits = audit.retentions(conn)
    erased = 0
    for tenant, days in limits.items():
        while count := _erase_older(engine, tenant, days):
            erased += count
    return erased


def _erase_older(engine: Engine, tenant: str, days: int) -> int:
    with write(engine) as conn:
        before = database_time(conn) - timedelta(days=days)
        ids = repository.delete_older(conn, tenant, before, BATCH)
        _follow(conn, tenant, ids, "retention", None, "retention")
    return len(ids)


def _follow(
    conn: Connection, tenant: str, ids: Sequence[str], what: What, subject: str | None, actor: str
) -> None:
    if not ids:
        return
    outbox.deleted(conn, tenant, ids, what)
    answers.forget(conn, tenant, ids)
    audit.unname(conn, tenant, ids)
    hashed = None if subject is None else audit.hash_of(conn, subject)
    audit.add_line(conn, tenant, AuditLine(database_time(conn), what, hashed, len(ids), actor))
