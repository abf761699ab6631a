"""Pages of a million comments: whose each touchpoint of a comment is and when it was, and empathy beside sentiment.

The newest comments of a touchpoint are found by its index alone, and so are those of a mood.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE, NEW = "comment_touchpoint", "comment_touchpoint_in_time"
OLD_INDEX = "ix_comment_touchpoint_touchpoint_comment_key"
INDEX = "ix_comment_touchpoint_tenant_touchpoint_occurred_at_comment_key"
MOODS, EMPATHY = "ix_analysis_empathy_score_sentiment_comment_key", "ix_analysis_empathy_score_comment_key"
VIEW = """
CREATE VIEW bi_comment_touchpoint AS
SELECT c.tenant, c.id AS comment_id, p.touchpoint, p.inferred
FROM comment c JOIN comment_touchpoint p ON p.comment_key = c.key
"""


def upgrade() -> None:
    """Copy what the comments say."""
    if op.get_bind().dialect.name == "sqlite":
        _anew()
    else:
        op.add_column(TABLE, sa.Column("tenant", sa.String(64)))
        op.add_column(TABLE, sa.Column("occurred_at", sa.DateTime(timezone=True)))
        op.execute(
            f"UPDATE {TABLE} p SET tenant = c.tenant, occurred_at = c.occurred_at "
            "FROM comment c WHERE c.key = p.comment_key"
        )
        for column in ("tenant", "occurred_at"):
            op.alter_column(TABLE, column, nullable=False)
        op.drop_index(OLD_INDEX, TABLE)
    op.create_index(INDEX, TABLE, ["tenant", "touchpoint", "occurred_at", "comment_key"])
    op.drop_index(EMPATHY, "analysis")
    op.create_index(MOODS, "analysis", ["empathy_score", "sentiment", "comment_key"])


def _anew() -> None:
    """SQLite adds no column that must have a value."""
    op.create_table(
        NEW,
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("touchpoint", sa.String(64), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "touchpoint", name="pk_comment_touchpoint"),
        sa.ForeignKeyConstraint(
            ["comment_key"],
            ["comment.key"],
            name="fk_comment_touchpoint_comment_key_comment",
            ondelete="CASCADE",
        ),
    )
    op.execute(
        f"INSERT INTO {NEW} SELECT p.comment_key, p.touchpoint, p.inferred, c.tenant, c.occurred_at "
        f"FROM {TABLE} p JOIN comment c ON c.key = p.comment_key"
    )
    # A view that asks for a table which is not there would stop the new one from taking its name.
    op.execute("DROP VIEW bi_comment_touchpoint")
    op.drop_table(TABLE)
    op.rename_table(NEW, TABLE)
    op.execute(VIEW)


def downgrade() -> None:
    """Forget them."""
    op.drop_index(MOODS, "analysis")
    op.create_index(EMPATHY, "analysis", ["empathy_score", "comment_key"])
    op.drop_index(INDEX, TABLE)
    for column in ("tenant", "occurred_at"):
        op.execute(f"ALTER TABLE {TABLE} DROP COLUMN {column}")
    op.create_index(OLD_INDEX, TABLE, ["touchpoint", "comment_key"])
