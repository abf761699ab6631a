"""The SQL behind typical comments: what a label's comments are chosen from."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.listing import Where
from service.segment_repository import Days, comments_of, has_value
from service.tables import comment, mention


class Candidate(NamedTuple):
    """A comment with a label: how sure the model is of that, and the length of its text in code points."""

    key: int
    probability: float
    length: int


def candidates(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    label: str,
    days: Days,
    limit: int,
    where: Where | None = None,
) -> list[Candidate]:
    """Those that were stored last, of a touchpoint (or "*") on some days, of a segment or all."""
    source, wanted = comments_of(tenant, touchpoint, days, has_value(conn, where))
    query = (
        sa.select(comment.c.key, mention.c.probability, sa.func.length(comment.c.text))
        .select_from(source.join(mention, mention.c.comment_key == comment.c.key))
        .where(wanted, mention.c.label == label)
        # By key, not by time: the index on labels goes by key, so that no more than these are read.
        .order_by(mention.c.comment_key.desc())
        .limit(limit)
    )
    return [Candidate(*row) for row in conn.execute(query)]
