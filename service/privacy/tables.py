"""The tables of erasure: audit lines and tombstones, without content, and how long each tenant's comments are kept."""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    # Of the comment's or customer's id, with the installation's salt; null for retention.
    sa.Column("subject_hash", sa.String(64)),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Index(None, "tenant", "at"),
)

# What was erased while a job had rows to read, which must not bring it back.
tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("what", sa.String(16), primary_key=True),
    # As in the audit.
    sa.Column("subject_hash", sa.String(64), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

retention = sa.Table(
    "retention",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("days", sa.Integer, nullable=False),
)

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(128), nullable=False),
)
