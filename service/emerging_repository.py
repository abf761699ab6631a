"""The SQL behind emerging themes: the comments that say something that no label covers."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.segment_repository import Days, analysed, has_content, timeline
from service.tables import comment, mention


class Unexplained(NamedTuple):
    """A comment that has content and no label in force."""

    key: int
    text: str


def unexplained(conn: Connection, tenant: str, touchpoint: str, days: Days, limit: int) -> list[Unexplained]:
    """The newest ones of a touchpoint (or "*") on some days, the newest first."""
    of = timeline(tenant, touchpoint, days)
    labelled = sa.exists().where(mention.c.comment_key == comment.c.key)
    query = (
        sa.select(comment.c.key, comment.c.text)
        .select_from(analysed(of.source))
        .where(of.wanted, has_content(), ~labelled)
        .order_by(*of.newest_first)
        .limit(limit)
    )
    return [Unexplained(*row) for row in conn.execute(query)]
