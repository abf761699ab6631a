"""The tables of the review queue.

comment 1 ── n doubt            labels near their thresholds, by their margin: the uncertain stream
        1 ── 0..1 audit_draw    drawn at random when it was stored, with what probability: the audit stream
        1 ── n dispute          labels on which people, or a person and a model that was sure, differ
        1 ── n annotation       what a person answered, once in each stream
"""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata


def _of_comment() -> sa.Column[int]:
    return sa.Column(
        "comment_key",
        Key,
        sa.ForeignKey("comment.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


doubt = sa.Table(
    "doubt",
    metadata,
    _of_comment(),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("margin", sa.Double, nullable=False),
    sa.Index(None, "tenant", "label", "margin", "comment_key"),
)

audit_draw = sa.Table(
    "audit_draw",
    metadata,
    _of_comment(),
    sa.Column("tenant", sa.String(64), nullable=False),
    # The lot that fell to the comment, 0 to 1: it was drawn because this is below the probability.
    sa.Column("lot", sa.Double, nullable=False),
    sa.Column("probability", sa.Double, nullable=False),
    # What the model said when it was drawn; the analysis may be of a later one.
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("wanted", sa.SmallInteger, nullable=False),
    sa.Column("answered", sa.SmallInteger, nullable=False),
    sa.Column("drawn_at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant", "lot"),
)

dispute = sa.Table(
    "dispute",
    metadata,
    _of_comment(),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    # Who raised it: somebody else should settle it.
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant", "at"),
)

annotation = sa.Table(
    "annotation",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("comment_key", Key, sa.ForeignKey("comment.key", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("stream", sa.String(16), nullable=False),
    sa.Column("annotator", sa.String(128), nullable=False),
    # Label to true or false; a label that is not there was not judged.
    sa.Column("verdicts", sa.JSON, nullable=False),
    sa.Column("sentiment", sa.String(16)),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("comment_key", "stream", "annotator"),
    sa.Index(None, "tenant", "stream", "key"),
)
