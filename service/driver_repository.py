"""The SQL behind drivers: scores of comments, with the model that read them and the labels it found."""

from collections import defaultdict
from datetime import UTC, date, datetime, time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.rollups import WHOLE
from service.tables import analysis, comment, comment_touchpoint, mention

Scored = tuple[int, str, tuple[str, ...]]
"""A score, the model version, and the labels found."""


def scored(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    score: str,
    days: tuple[date | None, date | None],
    limit: int,
) -> list[Scored]:
    """The newest analysed comments of a touchpoint (or "*") that have a score, newest first."""
    from_day, to_day = days
    wanted = [
        comment.c.tenant == tenant,
        comment.c[score].is_not(None),
        analysis.c.status == "analyzed",
    ]
    if from_day is not None:
        wanted.append(comment.c.occurred_at >= datetime.combine(from_day, time(), UTC))
    if to_day is not None:
        wanted.append(comment.c.occurred_at < datetime.combine(to_day, time(), UTC))
    source = comment.join(analysis, analysis.c.comment_key == comment.c.key)
    if touchpoint != WHOLE:
        source = source.join(comment_touchpoint, comment_touchpoint.c.comment_key == comment.c.key)
        wanted.append(comment_touchpoint.c.touchpoint == touchpoint)
    newest = (
        sa.select(comment.c.key, comment.c[score].label("score"), analysis.c.model_version)
        .select_from(source)
        .where(*wanted)
        .order_by(comment.c.occurred_at.desc(), comment.c.key.desc())
        .limit(limit)
    )
    rows = conn.execute(newest).all()
    chosen = newest.subquery()
    labels: dict[int, list[str]] = defaultdict(list)
    asked = sa.select(mention.c.comment_key, mention.c.label).join(
        chosen, chosen.c.key == mention.c.comment_key
    )
    for key, label in conn.execute(asked):
        labels[key].append(label)
    return [(row.score, row.model_version, tuple(labels.get(row.key, ()))) for row in rows]
