"""Categories of one's own count as issues and strengths do: rows to filter by, and sums of days and months."""

from collections import Counter
from collections.abc import Iterator
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
    """Count them. It reads every analysis once."""
    for row, _, found in _with_categories():
        op.get_bind().execute(MENTION.insert(), [_mention(row.key, one) for one in found])
    _count(1)


def downgrade() -> None:
    """Take them out again."""
    _count(-1)
    op.get_bind().execute(MENTION.delete().where(MENTION.c.polarity == KIND))


def _count(sign: int) -> None:
    days: Counter[Key] = Counter()
    months: Counter[Key] = Counter()
    for row, places, found in _with_categories():
        if row.status == "analyzed" or row.corrected:
            day = _day(row.occurred_at)
            for names in ((row.tenant, place, f"label:{one['id']}") for place in places for one in found):
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


def _with_categories() -> Iterator[tuple[Any, list[str], list[dict[str, Any]]]]:
    """Comments that have any in force, with where they count."""
    bind, last = op.get_bind(), -1
    columns = COMMENT.c.key, COMMENT.c.tenant, COMMENT.c.occurred_at
    asked = sa.select(*columns, ANALYSIS.c.status, ANALYSIS.c.body, ANALYSIS.c.corrected)
    asked = asked.join_from(COMMENT, ANALYSIS, ANALYSIS.c.comment_key == COMMENT.c.key)
    while rows := bind.execute(asked.where(COMMENT.c.key > last).order_by(COMMENT.c.key).limit(CHUNK)).all():
        for row in rows:
            if found := (row.corrected or row.body).get("categories", ()):
                own = sa.select(PLACE.c.touchpoint).where(PLACE.c.comment_key == row.key)
                yield row, ["*", *bind.scalars(own)], found
        last = rows[-1].key


def _mention(key: int, found: dict[str, Any]) -> dict[str, Any]:
    return {"comment_key": key, "label": found["id"], "polarity": KIND, "probability": found["probability"]}


def _day(stored: datetime | str) -> date:
    """SQLite gives text, and keeps no zone: there it is UTC already."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
