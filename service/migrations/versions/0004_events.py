"""Events and their webhooks, answers kept by idempotency key, the audit of erasure, retention."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _webhook()
    _event()
    _delivery()
    _idempotency()
    _privacy()


def downgrade() -> None:
    """Drop them: events not delivered yet, kept answers and the audit are lost."""
    for table in (
        "installation",
        "retention",
        "erasure",
        "idempotency_comment",
        "idempotency",
        "delivery",
        "event",
        "webhook",
    ):
        op.drop_table(table)


def _webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(128), nullable=False),
        sa.Column("old_secret", sa.String(128)),
        sa.Column("old_secret_until", TIME),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("with_text", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failing_since", TIME),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    op.create_index("ix_webhook_tenant", "webhook", ["tenant"])


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_tenant_subject", "event", ["tenant", "subject"])
    op.create_index("ix_event_created_at", "event", ["created_at"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME),
        sa.Column("owner", sa.String(64)),
        sa.Column("delivered_at", TIME),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_error", sa.String(64)),
        sa.PrimaryKeyConstraint("event_id", "webhook_id", name="pk_delivery"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["event.id"], name="fk_delivery_event_id_event", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name="fk_delivery_webhook_id_webhook", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_delivery_webhook_id_next_at", "delivery", ["webhook_id", "next_at"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("body", sa.Text()),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_table(
        "idempotency_comment",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("comment_id", sa.String(128), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "comment_id", "key", name="pk_idempotency_comment"),
        sa.ForeignKeyConstraint(
            ["tenant", "key"],
            ["idempotency.tenant", "idempotency.key"],
            name="fk_idempotency_comment_key_idempotency",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_idempotency_comment_tenant_key", "idempotency_comment", ["tenant", "key"])


def _privacy() -> None:
    op.create_table(
        "erasure",
        sa.Column("key", KEY, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("subject_hash", sa.String(64)),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_erasure"),
    )
    op.create_index("ix_erasure_tenant_at", "erasure", ["tenant", "at"])
    op.create_table(
        "retention",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_retention"),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
