"""The SQL behind segments: the sums of `rollups`, made from the comments themselves, by a field of theirs."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.corrections.tables import correction
from service.listing import Where
from service.rollup_repository import Total
from service.rollups import LABEL, MODEL, SCALE, WHOLE, changes
from service.tables import analysis, comment, comment_touchpoint, mention

Value = str | int | float | bool | None
Days = tuple[date | None, date | None]
Source = tuple[sa.FromClause, sa.ColumnElement[bool]]
_GOLDEN = 2_654_435_769
"""2^32 divided by the golden ratio."""
_FEW = 20_000
"""Keys that are looked up one by one sooner than a whole index is read; a statement holds no more than some 32,000."""
_STRETCH = 1_000_000


class Segment(NamedTuple):
    """The comments with one value of a field: their sums, and the days of the first and the last of them."""

    value: Value
    sums: Counter[str]
    first: date
    last: date


def segments(
    conn: Connection, tenant: str, touchpoint: str, field: str, days: Days, share: float = 1.0
) -> list[Segment]:
    """All of a touchpoint (or "*"), the largest first; comments without the field are one of them, None.

    `field` is "channel", "language", or "metadata." with a name behind it. Of the comments a `share` is counted,
    always the same ones.
    """
    of = comments_of(tenant, touchpoint, days)
    if share < 1:
        # The keys say all: whatever else is said, SQLite would begin with it, and go through all of a tenant.
        drawn = comment.c.key.in_(_drawn(conn, tenant, touchpoint, days, share))
        of = comment, drawn & (outside_index(comment.c.tenant) == tenant)
    found = _grouped(conn, _field(conn, field), of, lambda text: _one(field, text))
    read = [Segment(_read(field, text), sums, first, last) for text, sums, first, last in found]
    return sorted(read, key=lambda segment: (-segment.sums["n"], str(segment.value)))


def totals_where(conn: Connection, tenant: str, where: Where, days: Days) -> list[Total]:
    """The sums of a segment's comments at every touchpoint and of all of them ("*"), as the daily sums have them."""
    also = has_value(conn, where)
    placed = sa.select(comment_touchpoint).subquery("placed")
    source, wanted = comments_of(tenant, WHOLE, days, also)
    at = source.join(placed, placed.c.comment_key == comment.c.key), wanted
    # All of a tenant are one group.
    whole = _grouped(conn, comment.c.tenant, (source, wanted), lambda _: WHOLE)
    places = _grouped(conn, placed.c.touchpoint, at, lambda place: place)
    return [
        Total(str(place), name, value, first, last)
        for place, sums, first, last in (*whole, *places)
        for name, value in sums.items()
        if value
    ]


def has_value(conn: Connection, where: Where | None) -> sa.ColumnElement[bool]:
    """Which comments are of a segment; all are of none. A value is written as JSON has it, texts without quotes."""
    if where is None:
        return sa.true()
    field = _field(conn, where.field)
    if not where.field.startswith("metadata."):
        return field == where.value
    # Written down with or without escapes; and a number, or true, looks like its text.
    return field.in_([json.dumps(where.value), json.dumps(where.value, ensure_ascii=False), where.value])


def _grouped(
    conn: Connection,
    key: sa.ColumnElement[Any],
    of: Source,
    called: Callable[[str | None], str | None],
) -> list[tuple[str | None, Counter[str], date, date]]:
    """The sums of comments by a field, with the days of the first and the last of each group."""
    source, wanted = of
    rows = _rows(key, analysed(source), wanted)
    measures = dict(_measures(rows.c))
    sums: dict[str | None, Counter[str]] = defaultdict(Counter)
    ends: dict[str | None, list[datetime]] = defaultdict(list)
    ages = sa.func.min(rows.c.occurred_at), sa.func.max(rows.c.occurred_at)
    counted = sa.select(rows.c.field, rows.c.model, *ages, *map(sa.func.sum, measures.values()))
    for text, model, first, last, *values in conn.execute(counted.group_by(rows.c.field, rows.c.model)):
        ends[called(text)] += [first, last]
        own = {n: int(value or 0) for n, value in zip(measures, values, strict=True)}
        # A model that tagged none of them is not among them.
        tags = {MODEL + model: own["analyzed"]} if own["analyzed"] else {}
        sums[called(text)].update(own | tags)
    tagged = source.join(mention, mention.c.comment_key == comment.c.key)
    query = sa.select(key, mention.c.label, sa.func.count()).select_from(tagged).where(wanted)
    for text, label, count in conn.execute(query.group_by(key, mention.c.label)):
        sums[called(text)][LABEL + label] += count
    for text, in_force in conn.execute(_corrected(key, analysed(source), wanted)):
        sums[called(text)].update(changes(in_force))
    return [(text, sums[text], min(of).date(), max(of).date()) for text, of in ends.items()]


def comments_of(
    tenant: str, touchpoint: str, days: Days, also: sa.ColumnElement[bool] | None = None
) -> Source:
    """Comments at one touchpoint (or "*") on some days, and the condition that says so."""
    found = timeline(tenant, touchpoint, days)
    return found.source, found.wanted if also is None else found.wanted & also


def _drawn(conn: Connection, tenant: str, touchpoint: str, days: Days, share: float) -> list[int]:
    """A share of the keys, spread evenly over them: Fibonacci hashing (Knuth, TAOCP vol. 3, section 6.4).

    As a list, so that no planner reads all comments for them. Of all comments no index is read: there may be keys of
    other tenants among them, and some that are no more.
    """
    # Not every so-many-th: what comes in turns, such as channels in a file, would be drawn in turns.
    if (touchpoint, days) == (WHOLE, (None, None)) and len(thought := _thought_of(conn, share)) < _FEW:
        return thought
    of = timeline(tenant, touchpoint, days)
    lot = (of.key % 2**30 * _GOLDEN) % 2**32
    return list(conn.scalars(sa.select(of.key).where(of.wanted, lot < int(share * 2**32))))


def _thought_of(conn: Connection, share: float) -> list[int]:
    """Of all keys that there may be, of whatever tenant, those of the share."""
    # Each by itself, so that each is one look into the index.
    first, last = (conn.scalar(sa.select(end(comment.c.key))) for end in (sa.func.min, sa.func.max))
    found: list[int] = []
    for start in range(first or 0, (last or -1) + 1, _STRETCH):
        keys = np.arange(start, min(start + _STRETCH, last + 1), dtype=np.uint64)
        lots = (keys % 2**30 * _GOLDEN) % 2**32
        found += keys[lots < int(share * 2**32)].tolist()
        if len(found) >= _FEW:
            break
    return found


class Timeline(NamedTuple):
    """Comments in time: those of a touchpoint by its own index, or all."""

    source: sa.FromClause
    wanted: sa.ColumnElement[bool]
    at: sa.ColumnElement[datetime]
    key: sa.ColumnElement[int]

    @property
    def newest_first(self) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
        """As the index has them, so that no more are read than are wanted."""
        return self.at.desc(), self.key.desc()


def timeline(tenant: str, touchpoint: str, days: Days) -> Timeline:
    """The comments of a touchpoint (or "*") on some days."""
    if touchpoint == WHOLE:
        wanted = _occurred(comment.c.tenant, comment.c.occurred_at, tenant, days)
        return Timeline(comment, sa.and_(*wanted), comment.c.occurred_at, comment.c.key)
    of = comment_touchpoint.c
    wanted = [*_occurred(of.tenant, of.occurred_at, tenant, days), of.touchpoint == touchpoint]
    source = comment_touchpoint.join(comment, comment.c.key == of.comment_key)
    return Timeline(source, sa.and_(*wanted), of.occurred_at, of.comment_key)


def analysed(source: sa.FromClause) -> sa.Join:
    """The same comments with their analyses."""
    return source.join(analysis, analysis.c.comment_key == comment.c.key)


def was_read() -> sa.ColumnElement[bool]:
    """Whether anybody has read it: what a person corrected was read, even if a later model cannot."""
    return (analysis.c.status == "analyzed") | analysis.c.corrected.is_not(None)


def has_content() -> sa.ColumnElement[bool]:
    """Whether the model found anything to read in it."""
    found: sa.ColumnElement[bool] = ~analysis.c.body["no_content"].as_boolean()
    return (analysis.c.status == "analyzed") & found


def outside_indexes(tenant: str, days: Days) -> list[sa.ColumnElement[bool]]:
    """Of a tenant, on some days, for comments that were found by something else."""
    return _occurred(outside_index(comment.c.tenant), outside_index(comment.c.occurred_at), tenant, days)


def outside_index(column: sa.ColumnElement[Any]) -> Any:
    """The same values, which no index is looked up for.

    SQLite knows no sizes and takes the index on times for the best place to begin, whatever else there is.
    """
    return sa.func.coalesce(column, sa.null())


def _occurred(of: Any, at: Any, tenant: str, days: Days) -> list[sa.ColumnElement[bool]]:
    from_day, to_day = days
    wanted: list[sa.ColumnElement[bool]] = [of == tenant]
    if from_day is not None:
        wanted.append(at >= datetime.combine(from_day, time(), UTC))
    if to_day is not None:
        wanted.append(at < datetime.combine(to_day, time(), UTC))
    return wanted


def _field(conn: Connection, field: str) -> sa.ColumnElement[Any]:
    """A column, or the JSON text of one value, which tells a number from its digits."""
    if not field.startswith("metadata."):
        return comment.c[field]
    name = field.removeprefix("metadata.")
    # SQLite would take some names for paths, and before 3.45 it compares them with the JSON as it is written.
    path = name if conn.dialect.name == "postgresql" else f"$.{json.dumps(name)}"
    # As a literal, so that the field selected and the field grouped by are plainly one to PostgreSQL.
    found = sa.type_coerce(comment.c.metadata, sa.Text).op("->")(sa.literal(path, literal_execute=True))
    return sa.cast(found, sa.Text)


def _one(field: str, text: str | None) -> str | None:
    """A null of the metadata is as good as no value."""
    return None if text == "null" and field.startswith("metadata.") else text


def _read(field: str, text: str | None) -> Value:
    value: Value = json.loads(text) if text is not None and field.startswith("metadata.") else text
    return value


def _rows(key: sa.ColumnElement[Any], source: sa.FromClause, wanted: sa.ColumnElement[bool]) -> sa.CTE:
    """What the measures are made of, a row a comment; put down, so that each JSON value is read once."""
    in_force = sa.type_coerce(sa.func.coalesce(analysis.c.corrected, analysis.c.body), sa.JSON)
    columns = (
        key.label("field"),
        comment.c.occurred_at,
        comment.c.nps,
        comment.c.csat,
        comment.c.ces,
        analysis.c.model_version.label("model"),
        was_read().label("read"),
        analysis.c.sentiment.label("side"),
        analysis.c.sentiment_score.label("sentiment"),
        analysis.c.empathy_score.label("empathy"),
        in_force["effort", "score"].as_float().label("effort"),
        in_force["loyalty", "score"].as_float().label("loyalty"),
        in_force["no_content"].as_boolean().label("no_content"),
    )
    return sa.select(*columns).select_from(source).where(wanted).cte("one").prefix_with("MATERIALIZED")


def _corrected(
    key: sa.ColumnElement[Any], source: sa.FromClause, wanted: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """What is in force where people corrected it: few, so each is looked at."""
    theirs = comment.c.key.in_(sa.select(correction.c.comment_key))
    said = analysis.c.corrected.is_not(None)
    return sa.select(key, analysis.c.corrected).select_from(source).where(wanted, theirs, said)


def _measures(of: Any) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
    yield "n", sa.literal(1)
    yield "analyzed", _if(of.read)
    yield "not_analyzed", _if(~of.read)
    yield "no_content", _if(of.read & of.no_content)
    yield "nps_promoters", _if(of.nps >= 9)
    yield "nps_passives", _if(of.nps.in_((7, 8)))
    yield "nps_detractors", _if(of.nps <= 6)
    yield "csat_n", _if(of.csat.is_not(None))
    yield "csat_satisfied", _if(of.csat >= 4)
    yield "ces_n", _if(of.ces.is_not(None))
    yield "ces_sum", of.ces
    yield "ces_sum_squares", of.ces * of.ces
    for side in ("positive", "negative"):
        yield f"sentiment_{side}", _if(of.side == side)
    for name in ("sentiment", "empathy", "effort", "loyalty"):
        whole = sa.cast(sa.func.round(of[name] * SCALE), sa.BigInteger)
        yield f"{name}_n", _if(of[name].is_not(None))
        yield f"{name}_sum", whole
        yield f"{name}_sum_squares", whole * whole


def _if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)
