"""The SQL behind drivers: scores of comments, with the model that read them and the labels it found."""

from collections import defaultdict
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.database import chunks
from service.segment_repository import Days, analysed, has_content, timeline, was_read
from service.tables import analysis, comment, mention


class Scored(NamedTuple):
    """A comment with a score: the labels in force, and those by which they differ from what the model found."""

    score: int
    model_version: str
    labels: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    read: bool
    """Whether the model found content in it."""


def scored(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    score: str,
    days: Days,
    limit: int,
) -> list[Scored]:
    """The newest analysed comments of a touchpoint (or "*") that have a score, newest first."""
    of = timeline(tenant, touchpoint, days)
    newest = (
        sa.select(
            comment.c.key,
            comment.c[score].label("score"),
            analysis.c.model_version,
            analysis.c.corrected,
            has_content().label("read"),
        )
        .select_from(analysed(of.source))
        .where(of.wanted, comment.c[score].is_not(None), was_read())
        .order_by(*of.newest_first)
        .limit(limit)
    )
    rows = conn.execute(newest).all()
    labels: dict[int, list[str]] = defaultdict(list)
    for keys in chunks([row.key for row in rows]):
        asked = sa.select(mention.c.comment_key, mention.c.label).where(mention.c.comment_key.in_(keys))
        for key, label in conn.execute(asked):
            labels[key].append(label)
    return [
        Scored(
            row.score,
            row.model_version,
            tuple(labels.get(row.key, ())),
            added=tuple((row.corrected or {}).get("added", ())),
            removed=tuple((row.corrected or {}).get("removed", ())),
            read=bool(row.read),
        )
        for row in rows
    ]
