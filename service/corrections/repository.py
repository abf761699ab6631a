"""Every SQL statement on corrections."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from service.corrections.correction import Correction, NewCorrection
from service.corrections.tables import correction
from service.database import chunks
from service.listing import Cursor
from service.review.tables import audit_draw
from service.tables import analysis, comment

__all__ = ["Corrections", "add", "corrected", "correction", "in_force_of", "of", "select"]


class Corrections(NamedTuple):
    """One page of corrections, the newest first, and the cursor of the next page, if there is one."""

    corrections: list[Correction]
    next_cursor: str | None


def add(
    conn: Connection, tenant: str, comment_key: int, new: NewCorrection, model_version: str, at: datetime
) -> int:
    """Keep a correction of a comment that the caller has locked; the answer is its id."""
    values = {
        "comment_key": comment_key,
        "tenant": tenant,
        "actor": new.actor,
        "via": new.via,
        "source": new.source,
        "said": new.said,
        "note": new.note,
        "model_version": model_version,
        "at": at,
    }
    return int(conn.execute(correction.insert().values(values).returning(correction.c.key)).scalar_one())


def of(conn: Connection, comment_keys: Sequence[int]) -> Iterator[tuple[int, Correction]]:
    """The corrections of these comments with their keys, those of one comment in the order they were made."""
    for chunk in chunks(comment_keys):
        query = _query().where(correction.c.comment_key.in_(chunk)).order_by(correction.c.key)
        for row in conn.execute(query).all():
            yield row.comment_key, _read(row)


def select(
    conn: Connection, tenant: str, limit: int, cursor: str | None = None, actor: str | None = None
) -> Corrections:
    """A page of a tenant's corrections, of one actor or of all.

    Raises `InputError` (`invalid_cursor`) if `cursor` is not one that an earlier page gave.
    """
    query = _query().where(correction.c.tenant == tenant)
    if actor is not None:
        query = query.where(correction.c.actor == actor)
    if cursor is not None:
        query = query.where(correction.c.key < Cursor.decode(cursor).key)
    rows = conn.execute(query.order_by(correction.c.key.desc()).limit(limit + 1)).all()
    found = [_read(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Corrections(found, Cursor(found[-1].at, found[-1].id).encode() if more else None)


def corrected(conn: Connection, tenant: str, after: int, limit: int) -> list[tuple[int, bool]]:
    """Keys of corrected comments behind the key `after`, in order, and whether each was drawn for the audit."""
    key = correction.c.comment_key
    drawn = sa.exists().where(audit_draw.c.comment_key == key)
    query = (
        sa.select(key, drawn)
        .where(correction.c.tenant == tenant, key > after)
        .distinct()
        .order_by(key)
        .limit(limit)
    )
    return [(int(found), bool(is_drawn)) for found, is_drawn in conn.execute(query)]


def in_force_of(conn: Connection, tenant: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What is in force of those of a tenant's comments that people corrected, by the comment's id."""
    found: dict[str, dict[str, Any]] = {}
    for chunk in chunks(ids):
        query = (
            sa.select(comment.c.id, analysis.c.corrected)
            .join(analysis, analysis.c.comment_key == comment.c.key)
            .where(comment.c.tenant == tenant, comment.c.id.in_(chunk), analysis.c.corrected.is_not(None))
        )
        found |= {id: in_force for id, in_force in conn.execute(query)}
    return found


def _query() -> sa.Select[Any]:
    return sa.select(correction, comment.c.id.label("comment_id")).join(
        comment, comment.c.key == correction.c.comment_key
    )


def _read(row: Row[Any]) -> Correction:
    return Correction(
        id=row.key,
        comment_id=row.comment_id,
        said=row.said,
        actor=row.actor,
        via=row.via,
        note=row.note,
        source=row.source,
        model_version=row.model_version,
        at=row.at,
    )
