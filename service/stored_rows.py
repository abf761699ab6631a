"""What of an analysis is kept in rows and columns of its own, to filter and to count by. Pure: no SQL.

`counted` is the contract's object, or what is in force in its place (`service.corrections.in_force`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.corrections.in_force import KINDS
from service.records import CommentRecord
from service.rollups import touchpoints_of

Row = Mapping[str, Any]


def scores(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of the analysis."""
    sentiment, empathy = counted["sentiment"], counted["empathy"]
    return {
        "sentiment": sentiment and sentiment["label"],
        "sentiment_score": sentiment and sentiment["score"],
        "empathy_score": empathy and empathy["score"],
    }


def mentions(key: int, counted: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each issue, strength and category; an id that is in two of them has one."""
    kinds = {found["id"]: (kind, found) for kind, group in KINDS for found in counted.get(group, ())}
    for id, (kind, found) in kinds.items():
        yield {"comment_key": key, "label": id, "polarity": kind, "probability": found["probability"]}


def places(key: int, record: CommentRecord, analysis: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each touchpoint under which the comment counts."""
    for place in touchpoints_of(record, analysis):
        yield {
            "comment_key": key,
            "touchpoint": place.id,
            "inferred": place.inferred,
            "tenant": record.tenant,
            "occurred_at": record.occurred_at,
        }


def doubts(
    key: int, tenant: str, analysis: Mapping[str, Any], corrected: Mapping[str, Any] | None
) -> Iterator[Row]:
    """A row for each label that the model is not sure of; none where people have already been."""
    if corrected is None:
        for doubt in analysis["review"]["doubts"]:
            margin = abs(doubt["probability"] - doubt["threshold"])
            yield {"comment_key": key, "label": doubt["id"], "tenant": tenant, "margin": margin}
