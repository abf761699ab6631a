"""Erased comments that jobs have yet to read, the rows that jobs rejected, and who sent a job."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table; jobs from before have no key and no rejects."""
    op.create_table(
        "tombstone",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("subject_hash", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "what", "subject_hash", name="pk_tombstone"),
    )
    op.add_column("job", sa.Column("key_id", sa.String(16)))
    op.add_column("job", sa.Column("rejects_until", TIME))


def downgrade() -> None:
    """Drop it: what was erased may come back with a job that still has it to read."""
    with op.batch_alter_table("job") as job:
        job.drop_column("rejects_until")
        job.drop_column("key_id")
    op.drop_table("tombstone")
