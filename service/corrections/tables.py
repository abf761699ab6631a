"""The table of corrections.

    comment 1 ── n correction      what people said of it, in the order in which they said it

What is in force after all of them is kept beside the analysis (`analysis.corrected`), because it is what counts.
"""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata

correction = sa.Table(
    "correction",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("comment_key", Key, sa.ForeignKey("comment.key", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    # The key that brought it, whoever it says it is from.
    sa.Column("via", sa.String(128), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("said", sa.JSON, nullable=False),
    sa.Column("note", sa.Text),
    # What the model in force then was, which may have been another than now.
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "comment_key", "key"),
    sa.Index(None, "tenant", "key"),
)
