"""The SQL that finds a page of comments by filters, quickly also among a million: `newest`.

Comments are wanted newest first. What many comments have is soon found by going back in time; what few have is found
by its own index. Nobody knows beforehand which it is, so the newest `NEAR` comments, of the touchpoint if one is asked
for, are looked through first, and only if the page is not full by then all comments with the rarest of the filters are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.listing import Cursor, Filters
from service.rollup_repository import totals
from service.rollups import LABEL, WHOLE
from service.segment_repository import Timeline, analysed, has_value, outside_index, outside_indexes, timeline
from service.tables import analysis, comment, comment_touchpoint, mention

NEAR = 5_000
_TRIGRAM = 3
_MOST_TRIGRAMS = 24
_MANY = 50_000
# The index of SQLite, which SQLAlchemy has no words for.
_texts = sa.table("comment_text", sa.column("rowid", sa.Integer))


class _Filter(NamedTuple):
    """A filter with an index of its own: how many comments have it at most, and where their keys are."""

    size: int
    key: sa.ColumnElement[int]
    condition: sa.ColumnElement[bool]
    joins_others: bool
    """Whether it is looked up by key as quickly as it is found."""


def newest(
    conn: Connection, tenant: str, filters: Filters, limit: int, after: Cursor | None = None
) -> list[int]:
    """Keys of the comments that all filters leave, by time, the newest first, from behind `after` on."""
    of = timeline(tenant, filters.touchpoint or WHOLE, (filters.from_, filters.to))
    conditions = [of.wanted, *([_behind(after, of.at, of.key)] if after else [])]
    others = list(_conditions(conn, filters))
    edge = conn.execute(_edge(of, conditions)).one_or_none() if others else None
    near = [~_behind(Cursor(*edge), of.at, of.key)] if edge else []
    query = sa.select(of.key).select_from(analysed(of.source)).where(*conditions, *near, *others)
    found = list(conn.scalars(query.order_by(*of.newest_first).limit(limit)))
    if edge is None or len(found) == limit:
        return found
    return _far(conn, tenant, filters, limit, after)


def _far(conn: Connection, tenant: str, filters: Filters, limit: int, after: Cursor | None) -> list[int]:
    """All that there are, from the keys of the rarest filter, and only then in their order."""
    indexed = sorted(_indexed(conn, tenant, filters), key=lambda one: one.size)
    of = timeline(tenant, WHOLE, (filters.from_, filters.to))
    source, conditions, at = analysed(of.source), [of.wanted], of.at
    if indexed:
        # Put down, so that no planner has another idea of where to begin.
        keys = _keys(indexed[0], indexed[1:]).cte("rare").prefix_with("MATERIALIZED")
        source = keys.join(source, comment.c.key == keys.c[0])
        conditions, at = outside_indexes(tenant, (filters.from_, filters.to)), outside_index(at)
    behind = [_behind(after, at, of.key)] if after else []
    conditions += [*behind, *_conditions(conn, filters), *_there(filters)]
    query = sa.select(comment.c.key, comment.c.occurred_at).select_from(source).where(*conditions)
    found = query.cte("found").prefix_with("MATERIALIZED")
    order = found.c.occurred_at.desc(), found.c.key.desc()
    return list(conn.scalars(sa.select(found.c.key).order_by(*order).limit(limit)))


def _keys(rarest: _Filter, others: Sequence[_Filter]) -> Any:
    query = sa.select(rarest.key).where(rarest.condition)
    for one in others:
        if one.joins_others:
            query = query.where(sa.exists().where(one.key == rarest.key, one.condition))
    return query


def _indexed(conn: Connection, tenant: str, filters: Filters) -> Iterator[_Filter]:
    counts = Counter({one.measure: one.value for one in totals(conn, tenant, WHOLE)})
    for _, label in filters.labels:
        of = mention.alias().c
        yield _Filter(counts[LABEL + label], of.comment_key, of.label == label, True)
    if filters.touchpoint is not None and filters.touchpoint != WHOLE:
        days = filters.from_, filters.to
        at = timeline(tenant, filters.touchpoint, days)
        own = sum(one.value for one in totals(conn, tenant, filters.touchpoint, *days) if one.measure == "n")
        yield _Filter(own, at.key, at.wanted, True)
    of_score = analysis.alias().c
    if filters.sentiment in ("negative", "positive"):
        n = counts[f"sentiment_{filters.sentiment}"]
        yield _Filter(n, of_score.comment_key, of_score.sentiment == filters.sentiment, False)
    if filters.empathy in ("expressed", "caring", "uncaring"):
        is_so = _empathy(filters.empathy, of_score)
        if filters.sentiment is not None:
            # Both stand in the index on empathy, and fewer have one than a sentiment.
            is_so &= outside_index(of_score.sentiment) == filters.sentiment
        yield _Filter(counts["empathy_n"], of_score.comment_key, is_so, False)
    if filters.words and conn.dialect.name == "sqlite" and (asked := trigrams(filters.words)):
        matches = sa.literal_column("comment_text", sa.Text).op("MATCH")(asked)
        some = sa.select(_texts.c.rowid).where(matches).limit(_MANY).subquery()
        n = conn.scalar(sa.select(sa.func.count()).select_from(some)) or 0
        yield _Filter(n, _texts.c.rowid, matches, False)


def trigrams(words: Iterable[str]) -> str | None:
    """What SQLite's index is asked for: every comment with the words has all of these; None if they are too short."""
    # This letter becomes two when Python makes it small, and one of the two in the index.
    parts = [part for word in words for part in word.lower().replace("i\u0307", "\0").split("\0")]
    found = dict.fromkeys(
        part[start : start + _TRIGRAM] for part in parts for start in range(len(part) - _TRIGRAM + 1)
    )
    quoted = ('"' + one.replace('"', '""') + '"' for one in list(found)[:_MOST_TRIGRAMS])
    return " AND ".join(quoted) or None


def _edge(of: Timeline, conditions: list[sa.ColumnElement[bool]]) -> Any:
    """The first comment that is not near; from the index on times alone."""
    return sa.select(of.at, of.key).where(*conditions).order_by(*of.newest_first).offset(NEAR).limit(1)


def _behind(cursor: Cursor, at: sa.ColumnElement[datetime], key: sa.ColumnElement[int]) -> Any:
    last = sa.tuple_(
        sa.literal(cursor.occurred_at, comment.c.occurred_at.type),
        sa.literal(cursor.key, comment.c.key.type),
    )
    return sa.tuple_(at, key) < last


def _there(filters: Filters) -> Iterator[sa.ColumnElement[bool]]:
    """At the touchpoint."""
    if filters.touchpoint not in (None, WHOLE):
        at = comment_touchpoint.c
        yield sa.exists().where(at.comment_key == comment.c.key, at.touchpoint == filters.touchpoint)


def _conditions(conn: Connection, filters: Filters) -> Iterator[sa.ColumnElement[bool]]:
    """All but the touchpoint and the days."""
    for kind, label in filters.labels:
        of = mention.c
        yield sa.exists().where(of.comment_key == comment.c.key, of.label == label, of.polarity == kind)
    if filters.sentiment is not None:
        yield analysis.c.sentiment == filters.sentiment
    if filters.empathy is not None:
        yield _empathy(filters.empathy, analysis.c)
    for word in filters.words:
        yield comment.c.text.icontains(word, autoescape=True)
    if filters.where is not None:
        yield has_value(conn, filters.where)


def _empathy(kind: str, of: Any) -> sa.ColumnElement[bool]:
    score: sa.ColumnElement[float] = of.empathy_score
    match kind:
        case "caring":
            return score > 0
        case "uncaring":
            return score < 0
        case "none":
            analyzed: sa.ColumnElement[bool] = of.status == "analyzed"
            return score.is_(None) & analyzed
        case _:
            return score.is_not(None)
