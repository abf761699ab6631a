"""Which alerts were told to webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table; alerts in force are told once from now on."""
    op.create_table(
        "raised_alert",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("touchpoint", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("seen", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "touchpoint", "label", "direction", name="pk_raised_alert"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("raised_alert")
