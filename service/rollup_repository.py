"""Every SQL statement on the daily sums: `apply` a change, read `totals` and `measures`."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from service.database import chunks
from service.rollups import LABEL, MODEL, WHOLE, RollupKey
from service.tables import rollup


class Total(NamedTuple):
    """One measure of one touchpoint over a range of days; `first` and `last` are the days that have it."""

    touchpoint: str
    measure: str
    value: int
    first: date
    last: date


class Measure(NamedTuple):
    """One measure of one touchpoint on one day."""

    touchpoint: str
    day: date
    measure: str
    value: int


def upserter(conn: Connection) -> Any:
    """The dialect's own `insert`, which knows ON CONFLICT; SQLAlchemy has no common one."""
    return postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert


def apply(conn: Connection, tenant: str, delta: Mapping[RollupKey, int]) -> None:
    """Add a change to the sums, inside the caller's transaction; sums that reach zero are deleted.

    Keys are taken in order, so that two transactions never wait for each other crosswise.
    """
    rows: list[dict[str, Any]] = [
        {"tenant": tenant, "touchpoint": touchpoint, "day": day, "measure": measure, "value": value}
        for (touchpoint, day, measure), value in sorted(delta.items())
        if value
    ]
    if not rows:
        return
    insert = upserter(conn)(rollup)
    upsert = insert.on_conflict_do_update(
        index_elements=rollup.primary_key, set_={"value": rollup.c.value + insert.excluded.value}
    ).returning(rollup.c.touchpoint, rollup.c.day, rollup.c.measure, rollup.c.value)
    # Sums of scores may come to nothing upwards as well.
    zeros = [tuple(key) for *key, value in conn.execute(upsert, rows) if value == 0]
    for chunk in chunks(zeros):
        name = sa.tuple_(rollup.c.touchpoint, rollup.c.day, rollup.c.measure)
        conn.execute(rollup.delete().where(rollup.c.tenant == tenant, name.in_(chunk)))


def touchpoints(conn: Connection, tenant: str) -> list[str]:
    """The touchpoints that have comments, in alphabetical order, without the whole ("*")."""
    named = (
        sa.select(rollup.c.touchpoint)
        .distinct()
        .where(rollup.c.tenant == tenant, rollup.c.touchpoint != WHOLE)
    )
    return sorted(conn.scalars(named))


def totals(
    conn: Connection,
    tenant: str,
    touchpoint: str | None = None,
    from_day: date | None = None,
    to_day: date | None = None,
) -> list[Total]:
    """Sums over the days from `from_day` to before `to_day`, for one touchpoint or all (with the whole)."""
    query = _within(
        sa.select(
            rollup.c.touchpoint,
            rollup.c.measure,
            sa.func.sum(rollup.c.value),
            sa.func.min(rollup.c.day),
            sa.func.max(rollup.c.day),
        ).group_by(rollup.c.touchpoint, rollup.c.measure),
        (tenant, touchpoint, from_day, to_day),
    )
    # PostgreSQL sums big integers as decimals.
    return [
        Total(place, name, int(value), first, last) for place, name, value, first, last in conn.execute(query)
    ]


def two_spans(
    conn: Connection, tenant: str, new: tuple[date, date], old: tuple[date, date]
) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """The sums of every touchpoint (with the whole) over two spans of days, ends exclusive, in one scan."""
    day, value = rollup.c.day, rollup.c.value
    within = [(day >= start) & (day < end) for start, end in (new, old)]
    query = (
        sa.select(
            rollup.c.touchpoint,
            rollup.c.measure,
            *(sa.func.sum(sa.case((one, value), else_=0)) for one in within),
        )
        .where(rollup.c.tenant == tenant, sa.or_(*within))
        .group_by(rollup.c.touchpoint, rollup.c.measure)
    )
    found: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for place, name, *values in conn.execute(query):
        pair = found.setdefault(place, (Counter(), Counter()))
        for sums, one in zip(pair, values, strict=True):
            # A model that tagged none of them is not among them.
            sums.update({name: int(one)} if one else {})
    return found


def first_days(conn: Connection, tenant: str) -> dict[str, date]:
    """The day of the first comment of every touchpoint, without the whole."""
    query = (
        sa.select(rollup.c.touchpoint, sa.func.min(rollup.c.day))
        .where(rollup.c.tenant == tenant, rollup.c.touchpoint != WHOLE)
        .group_by(rollup.c.touchpoint)
    )
    return {place: day for place, day in conn.execute(query)}


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


def tag_measures(conn: Connection, tenant: str, from_day: date, to_day: date) -> list[Measure]:
    """The daily counts of analysed comments, of labels and of model versions, at all touchpoints."""
    name = rollup.c.measure
    of_tags = (name == "analyzed") | name.startswith(LABEL) | name.startswith(MODEL)
    query = sa.select(rollup.c.touchpoint, rollup.c.day, name, rollup.c.value).where(of_tags)
    found = conn.execute(_within(query, (tenant, None, from_day, to_day)))
    return [Measure(*row) for row in found]


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
