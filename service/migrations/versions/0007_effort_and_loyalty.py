"""Daily sums of effort and loyalty, and of squared scores: counted from the comments that are stored."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SCALE = 10_000
CHUNK = 1_000
NEW = (
    "sentiment_sum_squares",
    "empathy_sum_squares",
    *(f"{name}_{part}" for name in ("effort", "loyalty") for part in ("n", "sum", "sum_squares")),
)

COMMENT = sa.table("comment", *map(sa.column, ("key", "tenant", "occurred_at")))
ANALYSIS = sa.table(
    "analysis", sa.column("comment_key"), sa.column("body", sa.JSON), sa.column("corrected", sa.JSON)
)
PLACE = sa.table("comment_touchpoint", sa.column("comment_key"), sa.column("touchpoint"))
ROLLUP = sa.table(
    "rollup",
    sa.column("tenant"),
    sa.column("touchpoint"),
    sa.column("day", sa.Date),
    sa.column("measure"),
    sa.column("value", sa.BigInteger),
)


def upgrade() -> None:
    """Add the sums. It reads every comment once."""
    sums: Counter[tuple[str, str, date, str]] = Counter()
    for tenant, places, day, body in _comments():
        for measure, value in _scores(body):
            for place in places:
                sums[tenant, place, day, measure] += value
    names = ("tenant", "touchpoint", "day", "measure", "value")
    rows = [dict(zip(names, (*key, value), strict=True)) for key, value in sorted(sums.items()) if value]
    if rows:
        op.get_bind().execute(ROLLUP.insert(), rows)


def downgrade() -> None:
    """Take them out again."""
    op.get_bind().execute(ROLLUP.delete().where(ROLLUP.c.measure.in_(NEW)))


def _comments() -> Iterator[tuple[str, list[str], date, dict[str, Any]]]:
    bind, last = op.get_bind(), 0
    columns = (COMMENT.c.key, COMMENT.c.tenant, COMMENT.c.occurred_at, ANALYSIS.c.body, ANALYSIS.c.corrected)
    asked = sa.select(*columns).join_from(COMMENT, ANALYSIS, ANALYSIS.c.comment_key == COMMENT.c.key)
    while rows := bind.execute(asked.where(COMMENT.c.key > last).order_by(COMMENT.c.key).limit(CHUNK)).all():
        places: dict[int, list[str]] = {row.key: ["*"] for row in rows}
        for key, place in bind.execute(
            sa.select(PLACE.c.comment_key, PLACE.c.touchpoint).where(
                PLACE.c.comment_key.between(rows[0].key, rows[-1].key)
            )
        ):
            places[key].append(place)
        for row in rows:
            yield row.tenant, places[row.key], _day(row.occurred_at), row.corrected or row.body
        last = rows[-1].key


def _day(stored: datetime | str) -> date:
    """SQLite gives text, and keeps no zone: there it is UTC already."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()


def _scores(body: dict[str, Any]) -> Iterator[tuple[str, int]]:
    if body["status"] != "analyzed":
        return
    for name in ("sentiment", "empathy", "effort", "loyalty"):
        if body[name] is not None:
            score = round(body[name]["score"] * SCALE)
            found = {f"{name}_n": 1, f"{name}_sum": score, f"{name}_sum_squares": score**2}
            yield from ((measure, value) for measure, value in found.items() if measure in NEW)
