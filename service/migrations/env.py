"""What Alembic runs: the migrations, on the connection that `service.database.migrate` hands over.

Called by the `alembic` command it opens the database of the settings itself.
"""

from alembic import context
from sqlalchemy.engine import Connection

from service import tables
from service.corrections import tables as corrections
from service.database import open_engine, write
from service.events import tables as events
from service.idempotency import tables as idempotency
from service.jobs import tables as jobs
from service.keys import tables as keys
from service.privacy import tables as privacy
from service.promotion import tables as promotion
from service.review import tables as review
from service.settings import Settings

PARTS = (corrections, events, idempotency, jobs, keys, privacy, promotion, review)
"""Imported, so that the metadata knows the tables of every part."""


def run(conn: Connection) -> None:
    """Run inside the caller's transaction: all migrations or none."""
    context.configure(
        connection=conn,
        target_metadata=tables.metadata,
        compare_server_default=True,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with write(open_engine(Settings().database_url)) as own:
        run(own)
