"""Categories of one's own count as issues and strengths do: rows to filter by, and sums of days and months."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

CHUNK = 1_000
KIND = "category"

COMMENT = sa.table("comment", *map(sa.column, ("key", "tenant", "occurred_at")))
ANALYSIS = sa.table(
    "analysis",
    *map(sa.column, ("comment_key", "status")),
    sa.column("body", sa.JSON),
    sa.column("corrected", sa.JSON),
)
PLACE = sa.table("comment_touchpoint", *map(sa.column, ("comment_key", "touchpoint")))
MENTION = sa.table("mention", *map(sa.column, ("comment_key", "label", "polarity", "probability")))
NAMES = ("tenant", "touchpoint", "measure")


def _sums(table: str, moment: str) -> Any:
    return sa.table(
        table, *map(sa.column, NAMES), sa.column(moment, sa.Date), sa.column("value", sa.BigInteger)
    )


TABLES = ((_sums("rollup", "day"), "day"), (_sums("rollup_month", "month"), "month"))
Key = tuple[str, str, str, date]


def upgrade() -> None:
    """Count them. It reads once every analysis that may have some."""
    _count(1)


def downgrade() -> None:
    """Take them out again."""
    _count(-1)
    op.get_bind().execute(MENTION.delete().where(MENTION.c.polarity == KIND))


def _count(sign: int) -> None:
    days: Counter[Key] = Counter()
    months: Counter[Key] = Counter()
    for rows in _chunks():
        places, others = _places(rows), _others(rows)
        for row in rows:
            # An id that an issue has as well counts already.
            found = [
                one for one in _in_force(row).get("categories", ()) if (row.key, one["id"]) not in others
            ]
            if sign > 0 and found:
                op.get_bind().execute(MENTION.insert(), [_mention(row.key, one) for one in found])
            if row.status == "analyzed" or row.corrected:
                day = _day(row.occurred_at)
                for place in ["*", *places[row.key]]:
                    for one in found:
                        names = row.tenant, place, f"label:{one['id']}"
                        days[(*names, day)] += sign
                        months[(*names, day.replace(day=1))] += sign
    for (table, moment), sums in zip(TABLES, (days, months), strict=True):
        for key, value in sorted(sums.items()):
            _add(table, dict(zip((*NAMES, moment), key, strict=True)), value)


def _add(table: Any, key: dict[str, Any], value: int) -> None:
    """To what is there: an issue of another model may have had the same id."""
    bind = op.get_bind()
    there = sa.and_(*(table.c[name] == part for name, part in key.items()))
    if not bind.execute(table.update().where(there).values(value=table.c.value + value)).rowcount:
        bind.execute(table.insert(), [key | {"value": value}])
    bind.execute(table.delete().where(there, table.c.value == 0))


def _chunks() -> Iterator[Sequence[Any]]:
    """Comments whose analysis, or what is in force in its place, may hold a category."""
    bind, last = op.get_bind(), -1
    columns = COMMENT.c.key, COMMENT.c.tenant, COMMENT.c.occurred_at
    asked = sa.select(*columns, ANALYSIS.c.status, ANALYSIS.c.body, ANALYSIS.c.corrected)
    asked = asked.join_from(COMMENT, ANALYSIS, ANALYSIS.c.comment_key == COMMENT.c.key)
    # As the JSON is written: stores that never had any are gone through without being parsed.
    body = sa.cast(sa.type_coerce(ANALYSIS.c.body, sa.Text), sa.Text)
    asked = asked.where(body.like('%"categories":%[%{%') | ANALYSIS.c.corrected.is_not(None))
    while rows := bind.execute(asked.where(COMMENT.c.key > last).order_by(COMMENT.c.key).limit(CHUNK)).all():
        yield rows
        last = rows[-1].key


def _places(rows: Sequence[Any]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {row.key: [] for row in rows}
    asked = sa.select(PLACE.c.comment_key, PLACE.c.touchpoint).where(PLACE.c.comment_key.in_(list(found)))
    for key, place in op.get_bind().execute(asked):
        found[key].append(place)
    return found


def _others(rows: Sequence[Any]) -> set[tuple[int, str]]:
    """Comments and ids of the labels that are no categories."""
    asked = sa.select(MENTION.c.comment_key, MENTION.c.label).where(MENTION.c.polarity != KIND)
    found = op.get_bind().execute(asked.where(MENTION.c.comment_key.in_([row.key for row in rows])))
    return {(key, label) for key, label in found}


def _in_force(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = row.corrected or row.body
    return found


def _mention(key: int, found: dict[str, Any]) -> dict[str, Any]:
    return {"comment_key": key, "label": found["id"], "polarity": KIND, "probability": found["probability"]}


def _day(stored: datetime | str) -> date:
    """SQLite gives text, and keeps no zone: there it is UTC already."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
