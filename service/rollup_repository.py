"""Every SQL statement on the sums of days and months: `apply` a change, read `totals` and `measures`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from importlib import import_module
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.errors import InputError
from service.database import chunks
from service.rollups import CORRECTED, LABEL, MODEL, WHOLE, RollupKey
from service.tables import rollup, rollup_month


class Total(NamedTuple):
    """One measure of one touchpoint over a range of days, and the touchpoint's first and last day with comments."""

    touchpoint: str
    measure: str
    value: int
    first: date
    last: date


Grain = Literal["day", "week", "month"]
"""How finely days are put together."""


class Measure(NamedTuple):
    """One measure of one touchpoint on one day, or in the period that begins with it."""

    touchpoint: str
    day: date
    measure: str
    value: int


def upserter(conn: Connection) -> Any:
    """The dialect's own `insert`, which knows ON CONFLICT; SQLAlchemy has no common one."""
    return import_module(f"sqlalchemy.dialects.{conn.dialect.name}").insert


def apply(conn: Connection, tenant: str, delta: Mapping[RollupKey, int]) -> None:
    """Add a change to the sums of days and of months, inside the caller's transaction.

    Sums that reach zero are deleted. Keys are taken in order, so that two transactions never wait for each other
    crosswise.
    """
    months: Counter[RollupKey] = Counter()
    for (touchpoint, day, measure), value in delta.items():
        months[touchpoint, day.replace(day=1), measure] += value
    _add(conn, rollup, tenant, delta)
    _add(conn, rollup_month, tenant, months)


def _add(conn: Connection, table: sa.Table, tenant: str, delta: Mapping[RollupKey, int]) -> None:
    names = [column.name for column in table.primary_key]
    rows = [
        dict(zip(names, (tenant, *key), strict=True)) | {"value": value}
        for key, value in sorted(delta.items())
        if value
    ]
    if not rows:
        return
    insert = upserter(conn)(table)
    upsert = insert.on_conflict_do_update(
        index_elements=table.primary_key, set_={"value": table.c.value + insert.excluded.value}
    ).returning(*table.primary_key, table.c.value)
    # Sums of scores may come to nothing upwards as well.
    zeros = [tuple(key) for *key, value in conn.execute(upsert, rows) if value == 0]
    for chunk in chunks(zeros):
        conn.execute(table.delete().where(sa.tuple_(*table.primary_key).in_(chunk)))


def touchpoints(conn: Connection, tenant: str) -> list[str]:
    """The touchpoints that have comments, in alphabetical order, without the whole ("*")."""
    return sorted(set(_places(conn, tenant)) - {WHOLE})


def check_touchpoint(conn: Connection, tenant: str, touchpoint: str) -> None:
    """Raise `InputError` "unknown_touchpoint" unless comments count under it; "*" always passes."""
    if touchpoint != WHOLE and touchpoint not in touchpoints(conn, tenant):
        raise InputError("no comment counts under this touchpoint", code="unknown_touchpoint")


def _places(conn: Connection, tenant: str) -> list[str]:
    return list(conn.scalars(_each_place(tenant)))


def _each_place(tenant: str) -> sa.Select[Any]:
    """All touchpoints that have comments, the whole among them: from one to the next in the index."""
    place, own = rollup_month.c.touchpoint, rollup_month.c.tenant == tenant
    found = sa.select(sa.func.min(place).label("place")).where(own).cte("found", recursive=True)
    following = sa.select(sa.func.min(place)).where(own, place > found.c.place).scalar_subquery()
    found = found.union_all(sa.select(following).where(found.c.place.is_not(None)))
    return sa.select(found.c.place).where(found.c.place.is_not(None))


def totals(
    conn: Connection,
    tenant: str,
    touchpoint: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> list[Total]:
    """Sums over the days from `from_day` to before `to_day`, for one touchpoint or all (with the whole).

    Whole months are taken from the sums of months; `first` and `last` are the ends of the touchpoint's days.
    """
    sums = _sums(conn, tenant, touchpoint, from_day, to_day)
    ends = _ends(conn, tenant, touchpoint, from_day, to_day)
    return [Total(place, name, value, *ends[place]) for (place, name), value in sums.items()]


def _sums(
    conn: Connection, tenant: str, touchpoint: str | None, from_day: date | None, to_day: date | None
) -> dict[tuple[str, str], int]:
    """By touchpoint and measure; none that is zero unless it came to that."""
    sums: Counter[tuple[str, str]] = Counter()
    # Each is named, so that the index leads to its days, and no day of another time is read.
    places = _places(conn, tenant) if touchpoint is None else [touchpoint]
    for table, start, end in _spans(from_day, to_day):
        moment = table.c.month if table is rollup_month else table.c.day
        query = sa.select(table.c.touchpoint, table.c.measure, sa.func.sum(table.c.value))
        query = query.where(table.c.tenant == tenant, table.c.touchpoint.in_(places))
        query = query.group_by(table.c.touchpoint, table.c.measure)
        query = query.where(*([moment >= start] if start else []), *([moment < end] if end else []))
        for place, name, value in conn.execute(query):
            # PostgreSQL sums big integers as decimals.
            sums[place, name] += int(value)
    return dict(sums)


def _spans(from_day: date | None, to_day: date | None) -> list[tuple[sa.Table, date | None, date | None]]:
    """Some days as whole months and the days before and after them; ends exclusive."""
    if from_day is not None and (from_day.year, from_day.month) == (date.max.year, 12):
        # The calendar has no month after it.
        return [(rollup, from_day, to_day)]
    start = from_day if from_day is None or from_day.day == 1 else _next_month(from_day)
    end = to_day and to_day.replace(day=1)
    if start is not None and end is not None and start >= end:
        return [(rollup, from_day, to_day)]
    edges = [(rollup, from_day, start), (rollup, end, to_day)]
    return [(rollup_month, start, end), *(edge for edge in edges if edge[1] != edge[2])]


def _next_month(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _ends(
    conn: Connection,
    tenant: str,
    touchpoint: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[str, tuple[date, date]]:
    """The first and the last day with comments, of one touchpoint or of each."""
    one_place = sa.select(sa.literal(touchpoint, rollup.c.touchpoint.type).label("place"))
    of = (_each_place(tenant) if touchpoint is None else one_place).subquery()
    # Each by itself, so that each is one look into the index.
    ends = [
        _within(sa.select(end(rollup.c.day)), (tenant, None, from_day, to_day))
        .where(rollup.c.touchpoint == of.c.place)
        .scalar_subquery()
        for end in (sa.func.min, sa.func.max)
    ]
    found = conn.execute(sa.select(of.c.place, *ends))
    return {one: (first, last) for one, first, last in found if first is not None}


def two_spans(
    conn: Connection, tenant: str, new: tuple[date, date], old: tuple[date, date]
) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """The sums of every touchpoint (with the whole) over two spans of days, ends exclusive."""
    found: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for side, span in enumerate((new, old)):
        for (place, name), value in _sums(conn, tenant, None, *span).items():
            # A model that tagged none of them is not among them.
            found.setdefault(place, (Counter(), Counter()))[side].update({name: value} if value else {})
    return found


def first_days(conn: Connection, tenant: str) -> dict[str, date]:
    """The day of the first comment of every touchpoint, without the whole."""
    return {place: first for place, (first, _) in _ends(conn, tenant).items() if place != WHOLE}


def last_day(conn: Connection, tenant: str) -> date | None:
    """The newest day that has a comment."""
    query = sa.select(sa.func.max(rollup.c.day)).where(
        rollup.c.tenant == tenant, rollup.c.touchpoint == WHOLE
    )
    newest: date | None = conn.scalar(query)
    return newest


def measures(
    conn: Connection,
    tenant: str,
    touchpoint: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> list[Measure]:
    """The daily values of the days from `from_day` to before `to_day`, by day."""
    query = _within(
        sa.select(rollup.c.touchpoint, rollup.c.day, rollup.c.measure, rollup.c.value).order_by(rollup.c.day),
        (tenant, touchpoint, from_day, to_day),
    )
    return [Measure(*row) for row in conn.execute(query)]


def by_period(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    grain: Grain,
    from_day: date | None = None,
    to_day: date | None = None,
) -> list[Measure]:
    """The sums of a touchpoint's days from `from_day` to before `to_day` by period, each under its first day."""
    name, value = rollup.c.measure, sa.func.sum(rollup.c.value)
    period = _period(conn, grain)
    query = _within(
        sa.select(rollup.c.touchpoint, period, name, value), (tenant, touchpoint, from_day, to_day)
    )
    found = conn.execute(query.group_by(rollup.c.touchpoint, period, name).order_by(period))
    # PostgreSQL sums big integers as decimals.
    return [Measure(place, start, one, int(total)) for place, start, one, total in found.all()]


def _period(conn: Connection, grain: Grain) -> sa.ColumnElement[date]:
    """The first day of each day's period; weeks begin on Monday (ISO 8601)."""
    if grain == "day":
        return rollup.c.day
    if conn.dialect.name == "postgresql":
        return sa.cast(sa.func.date_trunc(sa.literal_column(f"'{grain}'"), rollup.c.day), sa.Date)
    steps = {"week": ("weekday 0", "-6 days"), "month": ("start of month",)}[grain]
    start = sa.func.date(rollup.c.day, *(sa.literal_column(f"'{step}'") for step in steps))
    return sa.type_coerce(start, sa.Date)


def analyzed_at_least(conn: Connection, tenant: str, least: int, from_day: date, to_day: date) -> list[str]:
    """The touchpoints (with the whole) that have so many analysed comments on these days, in alphabetical order."""
    place = rollup.c.touchpoint
    query = sa.select(place).where(rollup.c.measure == "analyzed", place.in_(_places(conn, tenant)))
    found = _within(query, (tenant, None, from_day, to_day)).group_by(place)
    return sorted(conn.scalars(found.having(sa.func.sum(rollup.c.value) >= least)))


def tag_measures(
    conn: Connection, tenant: str, places: Iterable[str], labels: Iterable[str], from_day: date, to_day: date
) -> list[Measure]:
    """The daily counts of analysed comments, of labels, their corrections and of model versions at some touchpoints."""
    name = rollup.c.measure
    of_labels = [start + label for label in labels for start in (LABEL, CORRECTED)]
    of_tags = name.in_(["analyzed", *of_labels]) | name.startswith(MODEL)
    query = sa.select(rollup.c.touchpoint, rollup.c.day, name, rollup.c.value)
    query = query.where(of_tags, rollup.c.touchpoint.in_(list(places)))
    found = conn.execute(_within(query, (tenant, None, from_day, to_day)))
    return [Measure(*row) for row in found.all()]


def _within(query: sa.Select[Any], where: tuple[str, str | None, date | None, date | None]) -> sa.Select[Any]:
    tenant, touchpoint, from_day, to_day = where
    query = query.where(rollup.c.tenant == tenant)
    if touchpoint is not None:
        query = query.where(rollup.c.touchpoint == touchpoint)
    if from_day is not None:
        query = query.where(rollup.c.day >= from_day)
    if to_day is not None:
        query = query.where(rollup.c.day < to_day)
    return query
