"""The tables. A change here needs a migration beside it (`service/migrations`); a test compares the two.

    comment 1 ── 1 analysis              what was sent, and what the model said of it
            1 ── n mention               its issues, strengths and categories, to filter by
            1 ── n comment_touchpoint    where it counts: the client's own touchpoint, else the inferred ones
    rollup                               daily sums per touchpoint, always equal to a recount of the above
    rollup_month                         the same by month, so that long periods are quick to add up

Portable between SQLite and PostgreSQL, but for the index that finds words in texts (migration 0010).
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. SQLite keeps no zone, so there it goes in and out as naive UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises `ValueError` for a naive datetime: guessing its zone would move its day."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers only an INTEGER primary key by itself.
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

comment = sa.Table(
    "comment",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("id", sa.String(128), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("question", sa.Text),
    sa.Column("touchpoint", sa.String(64)),
    sa.Column("channel", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("occurred_at_given", sa.Boolean, nullable=False),
    sa.Column("nps", sa.SmallInteger),
    sa.Column("csat", sa.SmallInteger),
    sa.Column("ces", sa.SmallInteger),
    sa.Column("customer_id", sa.String(128)),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("tenant", "id"),
    sa.Index(None, "tenant", "occurred_at", "key"),
    sa.Index(None, "tenant", "customer_id"),
)


def _of_comment() -> sa.Column[int]:
    return sa.Column(
        "comment_key",
        Key,
        sa.ForeignKey("comment.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


analysis = sa.Table(
    "analysis",
    metadata,
    _of_comment(),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("sentiment", sa.String(16)),
    sa.Column("sentiment_score", sa.Double),
    sa.Column("empathy_score", sa.Double),
    sa.Column("body", sa.JSON, nullable=False),
    # What is in force where people corrected it: the columns above, the mentions and the sums follow this.
    sa.Column("corrected", sa.JSON(none_as_null=True)),
    sa.Column("analyzed_at", UtcDateTime, nullable=False),
    sa.Index(None, "sentiment", "comment_key"),
    # Those of a mood, both asked together, are found by the index alone.
    sa.Index("ix_analysis_empathy_score_sentiment_comment_key", "empathy_score", "sentiment", "comment_key"),
)

mention = sa.Table(
    "mention",
    metadata,
    _of_comment(),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("polarity", sa.String(16), nullable=False),
    sa.Column("probability", sa.Double, nullable=False),
    sa.Index(None, "label", "comment_key"),
)

comment_touchpoint = sa.Table(
    "comment_touchpoint",
    metadata,
    _of_comment(),
    sa.Column("touchpoint", sa.String(64), primary_key=True),
    sa.Column("inferred", sa.Boolean, nullable=False),
    # As the comment has them, so that the newest of a touchpoint are found by the index alone.
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Index(
        "ix_comment_touchpoint_tenant_touchpoint_occurred_at_comment_key",
        "tenant",
        "touchpoint",
        "occurred_at",
        "comment_key",
    ),
)

rollup = sa.Table(
    "rollup",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("touchpoint", sa.String(64), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("measure", sa.String(255), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

rollup_month = sa.Table(
    "rollup_month",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("touchpoint", sa.String(64), primary_key=True),
    # Its first day.
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("measure", sa.String(255), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
