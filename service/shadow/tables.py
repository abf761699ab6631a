"""The tables of shadow mode.

challenger 1 ── n shadow_reading   a stored comment that it read beside the analysis that is stored
                1 ── n shadow_change   a label that it found and the model in force did not, or the other way round
"""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata

# The last one without an end reads. Rows stay, as the record of who read what.
challenger = sa.Table(
    "challenger",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("version", sa.String(64), sa.ForeignKey("model.version"), nullable=False),
    # Whose comments it reads; null for everybody's.
    sa.Column("tenant", sa.String(64)),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    # Comments that it did not read because it was busy.
    sa.Column("dropped", sa.BigInteger, nullable=False),
)

shadow_reading = sa.Table(
    "shadow_reading",
    metadata,
    sa.Column(
        "comment_key",
        Key,
        # Goes with the analysis that it was compared with: when the comment is erased, replaced or read anew.
        sa.ForeignKey("analysis.comment_key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("challenger", Key, sa.ForeignKey("challenger.key"), primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    # Whose labels it was compared with.
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Index(None, "challenger", "tenant"),
)

shadow_change = sa.Table(
    "shadow_change",
    metadata,
    sa.Column("comment_key", Key, primary_key=True, autoincrement=False),
    sa.Column("challenger", Key, primary_key=True, autoincrement=False),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("gained", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(
        ["comment_key", "challenger"],
        ["shadow_reading.comment_key", "shadow_reading.challenger"],
        ondelete="CASCADE",
    ),
)
