"""A webhook that failed rests for a while; ids that jobs name in their errors are found when they are erased."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INDEX, NAMED = "ix_job_item_comment_id", sa.text("comment_id IS NOT NULL")


def upgrade() -> None:
    """None of them rests."""
    op.add_column("webhook", sa.Column("resting_until", sa.DateTime(timezone=True)))
    op.create_index(INDEX, "job_item", ["comment_id"], sqlite_where=NAMED, postgresql_where=NAMED)


def downgrade() -> None:
    """Ask them whenever there is something to tell."""
    op.drop_index(INDEX, "job_item")
    op.execute("ALTER TABLE webhook DROP COLUMN resting_until")
