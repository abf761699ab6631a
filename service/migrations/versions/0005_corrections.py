"""Corrections, what is in force after them, and the review queue."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
SCALE = 10_000


def upgrade() -> None:
    """Create the tables; nothing is corrected yet, and what was stored before is not drawn for the audit."""
    op.add_column("analysis", sa.Column("corrected", sa.JSON(none_as_null=True)))
    _correction()
    _doubt()
    _audit_draw()
    _dispute()
    _annotation()


def downgrade() -> None:
    """Drop them: what people said is lost, and the metrics are those of the model's labels again."""
    _uncorrect(op.get_bind())
    for table in ("annotation", "dispute", "audit_draw", "doubt", "correction"):
        op.drop_table(table)
    op.drop_column("analysis", "corrected")


def _correction() -> None:
    op.create_table(
        "correction",
        sa.Column("key", KEY, nullable=False),
        sa.Column("comment_key", KEY, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("via", sa.String(128), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_correction"),
        _of_comment("correction"),
    )
    op.create_index("ix_correction_comment_key_key", "correction", ["comment_key", "key"])
    op.create_index("ix_correction_tenant_key", "correction", ["tenant", "key"])


def _doubt() -> None:
    op.create_table(
        "doubt",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("margin", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "label", name="pk_doubt"),
        _of_comment("doubt"),
    )
    columns = ["tenant", "label", "margin", "comment_key"]
    op.create_index("ix_doubt_tenant_label_margin_comment_key", "doubt", columns)


def _audit_draw() -> None:
    op.create_table(
        "audit_draw",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("lot", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.SmallInteger(), nullable=False),
        sa.Column("answered", sa.SmallInteger(), nullable=False),
        sa.Column("drawn_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("comment_key", name="pk_audit_draw"),
        _of_comment("audit_draw"),
    )
    op.create_index("ix_audit_draw_tenant_lot", "audit_draw", ["tenant", "lot"])


def _dispute() -> None:
    op.create_table(
        "dispute",
        sa.Column("comment_key", KEY, nullable=False, autoincrement=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("comment_key", "label", name="pk_dispute"),
        _of_comment("dispute"),
    )
    op.create_index("ix_dispute_tenant_at", "dispute", ["tenant", "at"])


def _annotation() -> None:
    op.create_table(
        "annotation",
        sa.Column("key", KEY, nullable=False),
        sa.Column("comment_key", KEY, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("stream", sa.String(16), nullable=False),
        sa.Column("annotator", sa.String(128), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("sentiment", sa.String(16)),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_annotation"),
        _of_comment("annotation"),
        sa.UniqueConstraint(
            "comment_key", "stream", "annotator", name="uq_annotation_comment_key_stream_annotator"
        ),
    )
    op.create_index("ix_annotation_tenant_stream_key", "annotation", ["tenant", "stream", "key"])


def _of_comment(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_comment_key_comment"
    return sa.ForeignKeyConstraint(["comment_key"], ["comment.key"], name=name, ondelete="CASCADE")


# From here on: how what was counted for people is counted for the model again. Written down once more, because
# what the application counts may be something else when this runs.

_comment = sa.table("comment", sa.column("key"), sa.column("tenant"), sa.column("occurred_at", TIME))
_analysis = sa.table(
    "analysis",
    sa.column("comment_key"),
    sa.column("body", sa.JSON),
    sa.column("corrected", sa.JSON),
    sa.column("sentiment"),
    sa.column("sentiment_score"),
    sa.column("empathy_score"),
)
_mention = sa.table(
    "mention",
    *(sa.column(name) for name in ("comment_key", "label", "polarity", "probability")),
)
_place = sa.table("comment_touchpoint", sa.column("comment_key"), sa.column("touchpoint"))
_rollup = sa.table(
    "rollup",
    sa.column("tenant"),
    sa.column("touchpoint"),
    sa.column("day", sa.Date),
    sa.column("measure"),
    sa.column("value"),
)


def _uncorrect(conn: sa.Connection) -> None:
    query = (
        sa.select(_comment, _analysis.c.body, _analysis.c.corrected)
        .join(_analysis, _analysis.c.comment_key == _comment.c.key)
        .where(_analysis.c.corrected.is_not(None))
    )
    sums: Counter[tuple[str, str, date, str]] = Counter()
    for row in conn.execute(query).all():
        own = sa.select(_place.c.touchpoint).where(_place.c.comment_key == row.key)
        day = _utc(row.occurred_at).date()
        for place in ["*", *conn.scalars(own)]:
            for sign, counted in ((1, row.body), (-1, row.corrected)):
                for measure, value in _counts(counted):
                    sums[row.tenant, place, day, measure] += sign * value
        _restore(conn, row.key, row.body)
    for (tenant, place, day, measure), value in sums.items():
        _add(conn, {"tenant": tenant, "touchpoint": place, "day": day, "measure": measure}, value)
    gone = _rollup.c.value == 0, _rollup.c.measure == "corrected", _rollup.c.measure.like("corrected:%")
    conn.execute(_rollup.delete().where(sa.or_(*gone)))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _counts(counted: dict[str, Any]) -> Iterator[tuple[str, int]]:
    yield counted["status"], 1
    if counted["status"] != "analyzed":
        return
    yield f"model:{counted['model_version']}", 1
    yield "no_content", int(counted["no_content"])
    for one in [*counted["issues"], *counted["strengths"]]:
        yield f"label:{one['id']}", 1
    for name in ("sentiment", "empathy"):
        if counted[name] is not None:
            yield f"{name}_n", 1
            yield f"{name}_sum", round(counted[name]["score"] * SCALE)
    if counted["sentiment"] is not None and counted["sentiment"]["label"] != "neutral":
        yield f"sentiment_{counted['sentiment']['label']}", 1


def _restore(conn: sa.Connection, key: int, body: dict[str, Any]) -> None:
    sentiment, empathy = body["sentiment"], body["empathy"]
    columns = {
        "sentiment": sentiment and sentiment["label"],
        "sentiment_score": sentiment and sentiment["score"],
        "empathy_score": empathy and empathy["score"],
    }
    conn.execute(_analysis.update().where(_analysis.c.comment_key == key).values(columns))
    conn.execute(_mention.delete().where(_mention.c.comment_key == key))
    for polarity, group in (("issue", "issues"), ("strength", "strengths")):
        for one in body[group]:
            values = {"comment_key": key, "label": one["id"], "polarity": polarity}
            conn.execute(_mention.insert().values(values | {"probability": one["probability"]}))


def _add(conn: sa.Connection, name: dict[str, Any], value: int) -> None:
    if not value:
        return
    own = sa.and_(*(_rollup.c[column] == part for column, part in name.items()))
    raised = conn.execute(_rollup.update().where(own).values(value=_rollup.c.value + value))
    if raised.rowcount == 0:
        conn.execute(_rollup.insert().values(name | {"value": value}))
