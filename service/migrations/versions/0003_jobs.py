"""Jobs, and what became of each row of their files."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both tables."""
    _job()
    _job_item()


def downgrade() -> None:
    """Drop both tables; comments that jobs stored stay."""
    op.drop_table("job_item")
    op.drop_table("job")


def _job() -> None:
    counts = ("created", "replayed", "replaced", "failed")
    op.create_table(
        "job",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
        sa.Column("rate", sa.Double()),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_detail", sa.Text()),
        sa.Column("owner", sa.String(128)),
        sa.Column("lease_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("key", name="pk_job"),
        sa.UniqueConstraint("id", name="uq_job_id"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_job_tenant_idempotency_key"),
    )
    op.create_index("ix_job_state_key", "job", ["state", "key"])
    op.create_index("ix_job_tenant_key", "job", ["tenant", "key"])


def _job_item() -> None:
    op.create_table(
        "job_item",
        sa.Column("job_key", KEY, nullable=False, autoincrement=False),
        sa.Column("place", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("comment_key", KEY),
        sa.Column("comment_id", sa.String(128)),
        sa.Column("outcome", sa.String(16)),
        sa.Column("code", sa.String(64)),
        sa.Column("field", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("job_key", "place", name="pk_job_item"),
        sa.ForeignKeyConstraint(["job_key"], ["job.key"], name="fk_job_item_job_key_job", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["comment_key"], ["comment.key"], name="fk_job_item_comment_key_comment", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_job_item_comment_key_job_key", "job_item", ["comment_key", "job_key"])
