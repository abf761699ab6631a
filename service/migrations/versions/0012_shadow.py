"""Challengers, and what they read otherwise than the model in force."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables; no challenger reads yet."""
    op.create_table(
        "challenger",
        sa.Column("key", KEY, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64)),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_challenger"),
        sa.ForeignKeyConstraint(["version"], ["model.version"], name="fk_challenger_version_model"),
    )
    op.create_table(
        "shadow_reading",
        sa.Column("comment_key", KEY, autoincrement=False, nullable=False),
        sa.Column("challenger", KEY, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "challenger", name="pk_shadow_reading"),
        sa.ForeignKeyConstraint(
            ["comment_key"],
            ["analysis.comment_key"],
            name="fk_shadow_reading_comment_key_analysis",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["challenger"], ["challenger.key"], name="fk_shadow_reading_challenger_challenger"
        ),
    )
    op.create_index("ix_shadow_reading_challenger_tenant", "shadow_reading", ["challenger", "tenant"])
    op.create_table(
        "shadow_change",
        sa.Column("comment_key", KEY, autoincrement=False, nullable=False),
        sa.Column("challenger", KEY, autoincrement=False, nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("gained", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "challenger", "label", name="pk_shadow_change"),
        sa.ForeignKeyConstraint(
            ["comment_key", "challenger"],
            ["shadow_reading.comment_key", "shadow_reading.challenger"],
            name="fk_shadow_change_comment_key_shadow_reading",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    """Drop them; what challengers disputed goes with them."""
    op.execute("DELETE FROM dispute WHERE reason = 'challenger'")
    for table in ("shadow_change", "shadow_reading", "challenger"):
        op.drop_table(table)
