"""The SQL behind drift: comments of some days, a random part where they are many, and who was audited."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.database import chunks
from service.rollups import WHOLE
from service.segment_repository import Days, analysed, comments_of
from service.tables import analysis, comment

_BUCKETS = 65_536


class Read(NamedTuple):
    """A comment with what the model said of it."""

    id: str
    text: str
    channel: str | None
    touchpoint: str | None
    occurred_at: datetime
    body: dict[str, Any]


def sample(conn: Connection, tenant: str, days: Days, limit: int) -> list[Read]:
    """About `limit` comments of these days, or all if there are fewer; always the same ones while none changes.

    Which ones goes by a scrambled key, which says nothing about a comment.
    """
    source, wanted = comments_of(tenant, WHOLE, days)
    count = conn.scalar(sa.select(sa.func.count()).select_from(source).where(wanted)) or 0
    if count > limit:
        # Knuth's multiplicative hashing, within what an integer holds on any database.
        lot = (comment.c.key % _BUCKETS) * 40_503 % _BUCKETS
        wanted &= lot < _BUCKETS * limit // count
    c = comment.c
    columns = (c.id, c.text, c.channel, c.touchpoint, c.occurred_at, analysis.c.body)
    query = sa.select(*columns).select_from(analysed(source)).where(wanted)
    return [Read(*row) for row in conn.execute(query.order_by(c.occurred_at, c.key))]


def named(conn: Connection, keys: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """Ids and channels of comments by their keys."""
    found: dict[int, tuple[str, str | None]] = {}
    for chunk in chunks(keys):
        query = sa.select(comment.c.key, comment.c.id, comment.c.channel).where(comment.c.key.in_(chunk))
        found.update({key: (id, channel) for key, id, channel in conn.execute(query)})
    return found
