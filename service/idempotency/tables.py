"""The tables of `Idempotency-Key`: the answers kept, and which comments each of them quotes."""

import sqlalchemy as sa

from service.tables import UtcDateTime, metadata

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    # Both are null while the first request is at work, and again once a comment in the answer was erased.
    sa.Column("status", sa.Integer),
    sa.Column("body", sa.Text),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "created_at"),
)

idempotency_comment = sa.Table(
    "idempotency_comment",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("comment_id", sa.String(128), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.ForeignKeyConstraint(
        ["tenant", "key"],
        ["idempotency.tenant", "idempotency.key"],
        name="fk_idempotency_comment_key_idempotency",
        ondelete="CASCADE",
    ),
    sa.Index(None, "tenant", "key"),
)
