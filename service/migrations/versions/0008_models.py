"""Models that were registered, and which of them was in force since when."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables; until something is promoted the shipped model is in force, as before."""
    op.create_table(
        "model",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("taxonomy_version", sa.Text(), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("registered_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_model"),
    )
    op.create_table(
        "promotion",
        sa.Column("key", KEY, nullable=False),
        sa.Column("follows", KEY, nullable=False),
        sa.Column("beneath", KEY),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("gate", sa.JSON()),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_promotion"),
        sa.UniqueConstraint("follows", name="uq_promotion_follows"),
        sa.ForeignKeyConstraint(["version"], ["model.version"], name="fk_promotion_version_model"),
    )


def downgrade() -> None:
    """Drop them: the shipped model, or that of the setting, is in force again."""
    op.drop_table("promotion")
    op.drop_table("model")
