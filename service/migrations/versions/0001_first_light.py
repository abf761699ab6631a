"""First light: comments, their analyses and the daily sums."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create all tables."""
    _comment()
    _analysis()
    _mention()
    _comment_touchpoint()
    op.create_table(
        "rollup",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("touchpoint", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(255), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "touchpoint", "day", "measure", name="pk_rollup"),
    )


def downgrade() -> None:
    """Drop all tables; what was stored is lost."""
    for table in ("rollup", "comment_touchpoint", "mention", "analysis", "comment"):
        op.drop_table(table)


def _comment() -> None:
    op.create_table(
        "comment",
        sa.Column("key", KEY, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("question", sa.Text()),
        sa.Column("touchpoint", sa.String(64)),
        sa.Column("channel", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("occurred_at_given", sa.Boolean(), nullable=False),
        sa.Column("nps", sa.SmallInteger()),
        sa.Column("csat", sa.SmallInteger()),
        sa.Column("ces", sa.SmallInteger()),
        sa.Column("customer_id", sa.String(128)),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_comment"),
        sa.UniqueConstraint("tenant", "id", name="uq_comment_tenant_id"),
    )
    op.create_index("ix_comment_tenant_occurred_at_key", "comment", ["tenant", "occurred_at", "key"])
    op.create_index("ix_comment_tenant_customer_id", "comment", ["tenant", "customer_id"])


def _analysis() -> None:
    op.create_table(
        "analysis",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("sentiment", sa.String(16)),
        sa.Column("sentiment_score", sa.Double()),
        sa.Column("empathy_score", sa.Double()),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("analyzed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("comment_key", name="pk_analysis"),
        _belongs_to_comment("analysis"),
    )
    op.create_index("ix_analysis_sentiment_comment_key", "analysis", ["sentiment", "comment_key"])
    op.create_index("ix_analysis_empathy_score_comment_key", "analysis", ["empathy_score", "comment_key"])


def _mention() -> None:
    op.create_table(
        "mention",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("polarity", sa.String(16), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "label", name="pk_mention"),
        _belongs_to_comment("mention"),
    )
    op.create_index("ix_mention_label_comment_key", "mention", ["label", "comment_key"])


def _comment_touchpoint() -> None:
    op.create_table(
        "comment_touchpoint",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("touchpoint", sa.String(64), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "touchpoint", name="pk_comment_touchpoint"),
        _belongs_to_comment("comment_touchpoint"),
    )
    op.create_index(
        "ix_comment_touchpoint_touchpoint_comment_key", "comment_touchpoint", ["touchpoint", "comment_key"]
    )


def _belongs_to_comment(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["comment_key"], ["comment.key"], name=f"fk_{table}_comment_key_comment", ondelete="CASCADE"
    )
