"""A database from before effort and loyalty were summed: its comments are counted by the migration."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine

from models import Analysis
from service import repository
from service.database import alembic_config, migrate, read, write
from service.records import CommentRecord
from service.tables import rollup
from tests.recount import assert_exact

LATE = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def test_old_comments_are_counted(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    found = (
        {"sentiment": 0.5, "empathy": -0.25, "effort": 0.4, "touchpoints": ["billing", "support"]},
        {"sentiment": -0.5, "loyalty": -0.75, "effort": -0.4},
        {"sentiment": None},
        {"read": False},
    )
    with write(engine) as conn:
        for number in range(1_003):
            record = make_record(
                id=f"c{number}", tenant=f"t{number % 2}", occurred_at=LATE + timedelta(minutes=number)
            )
            repository.save(conn, record, make_analysis(**found[number % 4]), LATE)
    with write(engine) as conn:
        command.downgrade(alembic_config(conn), "0006")
        left = set(conn.scalars(sa.select(rollup.c.measure)))
    assert not {name for name in left if name.startswith(("effort", "loyalty")) or "squares" in name}
    assert {"sentiment_sum", "empathy_n"} < left
    migrate(engine)
    with read(engine) as conn:
        assert_exact(conn)
