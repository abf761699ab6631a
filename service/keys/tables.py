"""The tables of keys: `api_key`, what each has used of its limits, and what the installation signs with."""

import sqlalchemy as sa

from service.tables import UtcDateTime, metadata

# No row is ever deleted: a house that had a key once must not stand open when the last one is revoked.
api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("previous_hash", sa.String(64)),
    sa.Column("previous_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("last_used_at", UtcDateTime),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("requests_per_minute", sa.Integer),
    sa.Column("comments_per_day", sa.Integer),
)

# One row a key and measure: `count` since `started`, which is the beginning of a window in seconds of the epoch.
key_usage = sa.Table(
    "key_usage",
    metadata,
    sa.Column("key_id", sa.String(16), sa.ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("measure", sa.String(16), primary_key=True),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)

installation_secret = sa.Table(
    "installation_secret",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(64), nullable=False),
)
