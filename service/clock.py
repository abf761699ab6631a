"""The one clock that several machines share: the database's."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def database_time(conn: Connection) -> datetime:
    """Now, aware, in UTC.

    On PostgreSQL the server's clock, and not the transaction's start. A SQLite file is used on one machine, so
    there this machine's clock is the one that all share, and finer than the seconds SQLite tells.
    """
    if conn.dialect.name == "postgresql":
        told: datetime = conn.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return told.astimezone(UTC)
    return datetime.now(UTC)
