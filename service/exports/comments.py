"""Comments with their labels as one tidy table: a row for each comment and label, one for a comment without any.

for row in rows(engine, "default", Filters(touchpoint="billing")): ...

The labels are those in force, a person's over the model's, as the metrics count them. Texts are as they are
stored, masked where comments are masked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from service import repository
from service.corrections.in_force import KINDS
from service.database import read
from service.exports.tables import Column, Row
from service.listing import Filters
from service.records import StoredComment

COLUMNS = (
    Column("comment_id", "text", "The id; as many rows as the comment has labels, at least one."),
    Column("occurred_at", "moment", "When it occurred (UTC); of its arrival where nobody said."),
    Column("touchpoints", "text", "Where it counts, parted by a bar."),
    Column("touchpoints_inferred", "truth", "Whether the words told the touchpoints and not the client."),
    Column("channel", "text", "As sent."),
    Column("language", "text", "As sent."),
    Column("customer_id", "text", "As sent."),
    Column("metadata", "text", "As sent, as JSON."),
    Column("nps", "whole", "0 to 10."),
    Column("csat", "whole", "1 to 5."),
    Column("ces", "whole", "1 to 7, as sent."),
    Column("text", "text", "The comment."),
    Column("status", "text", "analyzed or not_analyzed."),
    Column("sentiment", "text", "negative, neutral or positive."),
    Column("sentiment_score", "number", "-1 to 1."),
    Column("empathy", "number", "-1 to 1; empty where it is not spoken of, as the next two."),
    Column("effort", "number", "-1 to 1, 1 is hard."),
    Column("loyalty", "number", "-1 to 1, 1 stays."),
    Column("intent", "text", "What the comment is for."),
    Column(
        "kind", "text", "issue, strength or category; empty with the following for a comment without labels."
    ),
    Column("label", "text", "Its id."),
    Column("probability", "number", "The model's; 1 where a person said so."),
    Column("said_by", "text", "model or person."),
    Column("evidence", "text", "The words that say so, parted by a bar."),
    Column("model_version", "text", "Which model read it."),
)
_PAGE = 500
_NO_LABEL: Mapping[str, Any] = dict.fromkeys(("kind", "label", "probability", "said_by", "evidence"))


def rows(engine: sa.Engine, tenant: str, filters: Filters) -> Iterator[Row]:
    """Newest first. Each page is read by itself, so that a slow reader holds no transaction: what is stored or
    erased meanwhile may be in it or not."""
    cursor = None
    while True:
        with read(engine) as conn:
            page = repository.select(conn, tenant, filters, _PAGE, cursor)
        for stored in page.comments:
            yield from _rows(stored)
        cursor = page.next_cursor
        if cursor is None:
            return


def _rows(stored: StoredComment) -> Iterator[Row]:
    counted, found = _about(stored), False
    for kind, group in KINDS:
        for one in stored.labels[group]:
            found = True
            yield counted | {
                "kind": kind,
                "label": one["id"],
                "probability": one["probability"],
                "said_by": one["by"],
                "evidence": " | ".join(
                    stored.record.text[span["start"] : span["end"]] for span in one["evidence"]
                ),
            }
    if not found:
        yield {**counted, **_NO_LABEL}


def _about(stored: StoredComment) -> dict[str, Any]:
    record, labels = stored.record, stored.labels
    sent = ("occurred_at", "channel", "language", "customer_id", "nps", "csat", "ces", "text")
    sentiment, intent = labels["sentiment"], labels["intent"]
    return {
        "comment_id": record.id,
        **{name: getattr(record, name) for name in sent},
        "metadata": json.dumps(record.metadata, ensure_ascii=False, sort_keys=True)
        if record.metadata
        else None,
        "touchpoints": " | ".join(place.id for place in stored.touchpoints) or None,
        "touchpoints_inferred": any(place.inferred for place in stored.touchpoints),
        "status": labels["status"],
        "sentiment": sentiment and sentiment["label"],
        "sentiment_score": sentiment and sentiment["score"],
        **{name: labels[name] and labels[name]["score"] for name in ("empathy", "effort", "loyalty")},
        "intent": intent and intent["label"],
        "model_version": labels["model_version"],
    }
