"""Keys: who may do what, and how much of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables of keys."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64)),
        sa.Column("previous_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("requests_per_minute", sa.Integer()),
        sa.Column("comments_per_day", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "measure", name="pk_key_usage"),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_key.id"], name="fk_key_usage_key_id_api_key", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "installation_secret",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation_secret"),
    )


def downgrade() -> None:
    """Drop them: all keys are gone, and the house stands open on this machine again."""
    for table in ("installation_secret", "key_usage", "api_key"):
        op.drop_table(table)
