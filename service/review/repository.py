"""Every SQL statement on the uncertain and the disputed stream, and on what people answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.review.tables import annotation, audit_draw, dispute, doubt
from service.tables import comment

Stream = Literal["uncertain", "audit", "disputed"]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What one person answered of one comment in one stream; labels not in `verdicts` were not judged."""

    comment_key: int
    stream: Stream
    annotator: str
    verdicts: dict[str, bool]
    sentiment: str | None = None


def doubtful(
    conn: Connection, tenant: str, annotator: str, label: str, limit: int, offset: int = 0
) -> list[int]:
    """Keys of comments in which the model is least sure of a label, the nearest to its threshold first.

    Without those this person has answered, and without those drawn for the audit: what measures is not to be
    chosen or trained on.
    """
    drawn = sa.exists().where(audit_draw.c.comment_key == doubt.c.comment_key)
    query = (
        sa.select(doubt.c.comment_key)
        .where(doubt.c.tenant == tenant, doubt.c.label == label)
        .where(~_answered(doubt.c.comment_key, "uncertain", annotator), ~drawn)
        .order_by(doubt.c.margin, doubt.c.comment_key)
    )
    return list(conn.scalars(query.limit(limit).offset(offset)))


def doubts_of(conn: Connection, comment_key: int) -> list[str]:
    """The labels that nobody has settled yet, the least sure first."""
    own = sa.select(doubt.c.label).where(doubt.c.comment_key == comment_key)
    return list(conn.scalars(own.order_by(doubt.c.margin, doubt.c.label)))


def settle_doubts(conn: Connection, comment_key: int, labels: Sequence[str] | None = None) -> None:
    """These labels of a comment, or all, are in doubt no longer."""
    own = doubt.c.comment_key == comment_key
    which = own if labels is None else own & doubt.c.label.in_(labels)
    conn.execute(doubt.delete().where(which))


def disputed(conn: Connection, tenant: str, annotator: str, limit: int) -> list[int]:
    """Keys of comments with a dispute that somebody else raised: people's first, the oldest first."""
    last = sa.case((dispute.c.reason == "challenger", 1), else_=0)
    drawn = sa.exists().where(audit_draw.c.comment_key == dispute.c.comment_key)
    query = (
        sa.select(dispute.c.comment_key)
        .where(dispute.c.tenant == tenant, dispute.c.actor != annotator, ~drawn)
        .where(~_answered(dispute.c.comment_key, "disputed", annotator))
        .group_by(dispute.c.comment_key)
        .order_by(sa.func.min(last), sa.func.min(dispute.c.at), dispute.c.comment_key)
    )
    return list(conn.scalars(query.limit(limit)))


def disputes_of(conn: Connection, comment_key: int) -> dict[str, str]:
    """The disputed labels of a comment, and why each is."""
    own = sa.select(dispute.c.label, dispute.c.reason).where(dispute.c.comment_key == comment_key)
    return {label: reason for label, reason in conn.execute(own.order_by(dispute.c.label))}


def add(conn: Connection, tenant: str, one: Annotation, at: datetime) -> None:
    """Keep an answer; the comment is locked by the caller."""
    values = vars(one) | {"tenant": tenant, "at": at}
    conn.execute(annotation.insert().values(values))


def answers_of(conn: Connection, comment_key: int, stream: Stream) -> list[Annotation]:
    """What people answered of a comment, in order."""
    own = (annotation.c.comment_key == comment_key) & (annotation.c.stream == stream)
    return _read(conn, _query().where(own))


def answers(conn: Connection, tenant: str, stream: Stream) -> list[Annotation]:
    """All answers of a stream, in order."""
    own = (annotation.c.tenant == tenant) & (annotation.c.stream == stream)
    return _read(conn, _query().where(own))


def recent_texts(conn: Connection, tenant: str, stream: Stream, limit: int) -> list[tuple[int, str]]:
    """The comments that were answered last: keys and texts."""
    query = (
        sa.select(comment.c.key, comment.c.text)
        .join(annotation, annotation.c.comment_key == comment.c.key)
        .where(annotation.c.tenant == tenant, annotation.c.stream == stream)
        .order_by(annotation.c.key.desc())
    )
    return [(key, text) for key, text in conn.execute(query.limit(limit))]


def _answered(key: sa.ColumnElement[Any], stream: Stream, annotator: str) -> sa.Exists:
    of = annotation.c
    return sa.exists().where(of.comment_key == key, of.stream == stream, of.annotator == annotator)


def _query() -> sa.Select[Any]:
    c = annotation.c
    return sa.select(c.comment_key, c.stream, c.annotator, c.verdicts, c.sentiment).order_by(c.key)


def _read(conn: Connection, query: sa.Select[Any]) -> list[Annotation]:
    return [Annotation(**row) for row in conn.execute(query).mappings()]
