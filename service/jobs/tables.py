"""The tables of jobs, beside those of comments (`service/tables.py`).

    job 1 ── n job_item    what became of each row of the job's file

An item points to its comment by key, so that an erased comment leaves no id behind: the key becomes null.
"""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata

job = sa.Table(
    "job",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("id", sa.String(32), nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("idempotency_key", sa.String(255)),
    # The key that sent it, whose limits its rows count towards; null where nobody needed one.
    sa.Column("key_id", sa.String(16)),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("replayed", sa.BigInteger, nullable=False),
    sa.Column("replaced", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("rate", sa.Double),
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_detail", sa.Text),
    sa.Column("owner", sa.String(128)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    # Until when the rows that failed are kept beside the list of them; null where none are.
    sa.Column("rejects_until", UtcDateTime),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("tenant", "idempotency_key"),
    sa.Index(None, "state", "key"),
    sa.Index(None, "tenant", "key"),
)

job_item = sa.Table(
    "job_item",
    metadata,
    sa.Column(
        "job_key", Key, sa.ForeignKey("job.key", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("comment_key", Key, sa.ForeignKey("comment.key", ondelete="SET NULL")),
    sa.Column("comment_id", sa.String(128)),
    sa.Column("outcome", sa.String(16)),
    sa.Column("code", sa.String(64)),
    sa.Column("field", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Index(None, "comment_key", "job_key"),
    # Few rows fail, and an erasure looks for their ids.
    sa.Index(
        None,
        "comment_id",
        sqlite_where=sa.text("comment_id IS NOT NULL"),
        postgresql_where=sa.text("comment_id IS NOT NULL"),
    ),
)
