"""The SQL behind drivers: scores of comments, with the model that read them and the labels it found."""

from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.database import chunks
from service.segment_repository import Days, analysed, timeline
from service.tables import analysis, comment, mention

Scored = tuple[int, str, tuple[str, ...]]
"""A score, the model version, and the labels found."""


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
    has_score = comment.c[score].is_not(None) & (
        (analysis.c.status == "analyzed") | analysis.c.corrected.is_not(None)
    )
    newest = (
        sa.select(comment.c.key, comment.c[score].label("score"), analysis.c.model_version)
        .select_from(analysed(of.source))
        .where(of.wanted, has_score)
        .order_by(*of.newest_first)
        .limit(limit)
    )
    rows = conn.execute(newest).all()
    labels: dict[int, list[str]] = defaultdict(list)
    for keys in chunks([row.key for row in rows]):
        asked = sa.select(mention.c.comment_key, mention.c.label).where(mention.c.comment_key.in_(keys))
        for key, label in conn.execute(asked):
            labels[key].append(label)
    return [(row.score, row.model_version, tuple(labels.get(row.key, ()))) for row in rows]
