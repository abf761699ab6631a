"""The SQL behind typical comments: what a label's comments are chosen from."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.taxonomy import Kind
from service.listing import Filters, Where
from service.rollups import WHOLE
from service.search_repository import newest
from service.segment_repository import Days, comments_of, has_value
from service.tables import comment, comment_touchpoint, mention


class Candidate(NamedTuple):
    """A comment with a label: how sure the model is of that, and the length of its text in code points."""

    key: int
    probability: float
    length: int


def candidates(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    kind: Kind,
    label: str,
    days: Days,
    limit: int,
    where: Where | None = None,
) -> list[Candidate]:
    """The newest of a touchpoint (or "*") on some days, of a segment or all, by when they were said."""
    columns = comment.c.key, mention.c.probability, sa.func.length(comment.c.text)
    of = mention.c
    of_label = (of.comment_key == comment.c.key) & (of.label == label) & (of.polarity == kind)
    newest_first = comment.c.occurred_at.desc(), comment.c.key.desc()
    if where is not None:
        source, wanted = comments_of(tenant, WHOLE, days, has_value(conn, where))
        if touchpoint != WHOLE:
            at = comment_touchpoint.c
            wanted &= sa.exists().where(at.comment_key == comment.c.key, at.touchpoint == touchpoint)
        query = sa.select(*columns).select_from(source.join(mention, of_label)).where(wanted)
        found = conn.execute(query.order_by(*newest_first).limit(limit))
    else:
        filters = Filters(touchpoint=touchpoint, from_=days[0], to=days[1]).labelled(kind, label)
        keys = newest(conn, tenant, filters, limit)
        query = sa.select(*columns).join(mention, of_label).where(comment.c.key.in_(keys))
        found = conn.execute(query.order_by(*newest_first))
    return [Candidate(*row) for row in found]
