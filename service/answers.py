"""The shapes of answers, for the OpenAPI document, and the JSON of a stored comment.

Answers are plain dicts from `Analysis.to_dict` and `metrics`; these models say in public what is in them, and
a test holds real answers against them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from models import Analysis
from service.records import Metadata, Outcome, StoredComment


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Analysis):
    """An analysis, and what became of the comment in the store."""

    outcome: Outcome


class ItemError(BaseModel):
    """Why one comment of a batch was not taken."""

    id: str | None
    index: int = Field(description="Its place in the batch, from 0.")
    code: str = Field(description="Stable, for programs.")
    field: str
    detail: str


class Analyzed(BaseModel):
    """Results of the good comments in their order, errors of the others."""

    results: list[Analysis]
    errors: list[ItemError]


class Taken(BaseModel):
    """Results of the good comments in their order, errors of the others."""

    results: list[Recorded]
    errors: list[ItemError]


class Scores(BaseModel):
    """What the customer answered in numbers."""

    nps: int | None
    csat: int | None
    ces: int | None


class Place(BaseModel):
    """A touchpoint the comment counts under; `inferred` where the words told it and not the client."""

    id: str
    inferred: bool


class CommentOut(BaseModel):
    """A stored comment: what was sent, and what was made of it."""

    id: str
    text: str
    question: str | None
    touchpoint: str | None
    channel: str | None
    language: str | None
    occurred_at: datetime
    occurred_at_given: bool = Field(description="False where `occurred_at` is the time of arrival.")
    scores: Scores
    customer_id: str | None
    metadata: Metadata
    received_at: datetime
    touchpoints: list[Place]
    analysis: Analysis


class CommentPage(BaseModel):
    """Comments, newest first; `next_cursor` asks for those after them."""

    comments: list[CommentOut]
    next_cursor: str | None


class Deleted(BaseModel):
    """How many comments were erased."""

    deleted: int


class Estimate(BaseModel):
    """A value with its 95 % interval; both null where fewer answers than the limit were given."""

    value: float | None
    ci95: tuple[float, float] | None
    n: int


class Mean(BaseModel):
    """A mean with its 95 % interval."""

    mean: float | None
    ci95: tuple[float, float] | None
    n: int


class SentimentMetric(BaseModel):
    """`net`: per cent positive minus per cent negative."""

    mean: float | None
    mean_ci95: tuple[float, float] | None
    net: float | None
    net_ci95: tuple[float, float] | None
    n: int


class ExpressedMetric(BaseModel):
    """`index`: mean score in points over the `n` comments that speak of it; `coverage`: their share."""

    index: float | None
    ci95: tuple[float, float] | None
    n: int
    coverage: float | None


class Observed(BaseModel):
    """Tags counted."""

    count: int
    rate: float | None
    ci95: tuple[float, float] | None


class Estimated(BaseModel):
    """The rate corrected for the tagger's known error."""

    rate: float | None
    ci95: tuple[float, float] | None
    method: str


class LabelMetric(BaseModel):
    """How often one issue or strength is found."""

    id: str
    observed: Observed
    estimated: Estimated | None


class DifferenceOut(BaseModel):
    """One metric's difference with its 95 % interval. `label` is an issue or strength, of which tags are compared."""

    metric: str
    label: str | None
    difference: float
    ci95: tuple[float, float]
    p: float = Field(description="Two-sided.")
    real: bool = Field(
        description="More than chance: at most 5 % of all shown in one answer that say so are expected not to be."
    )


class Comparison(BaseModel):
    """What differs from as many days before, `n` comments; what too few answered is left out."""

    model_config = ConfigDict(populate_by_name=True)

    from_: date = Field(alias="from")
    to: date
    n: int
    differences: list[DifferenceOut]


class TouchpointMetrics(BaseModel):
    """The numbers of one touchpoint; "*" is all comments. Days are UTC, `to` is exclusive."""

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    touchpoint: str
    from_: date | None = Field(alias="from")
    to: date | None
    n: int
    analyzed: int
    not_analyzed: int
    no_content: int
    model_versions: dict[str, int]
    nps: Estimate
    csat: Estimate
    ces: Mean
    sentiment: SentimentMetric
    empathy: ExpressedMetric
    effort: ExpressedMetric = Field(description="100 is hard.")
    loyalty: ExpressedMetric = Field(description="100 stays.")
    issues: list[LabelMetric]
    strengths: list[LabelMetric]
    low_base: bool
    series: list["TouchpointMetrics"]
    comparison: Comparison | None = Field(description="Null if none was asked for.")


class Touchpoints(BaseModel):
    """All touchpoints that have comments, the largest first, and all comments together."""

    touchpoints: list[TouchpointMetrics]
    total: TouchpointMetrics


def comment_json(stored: StoredComment) -> dict[str, Any]:
    """A stored comment as JSON."""
    record = stored.record
    return {
        "id": record.id,
        "text": record.text,
        "question": record.question,
        "touchpoint": record.touchpoint,
        "channel": record.channel,
        "language": record.language,
        "occurred_at": rfc3339(record.occurred_at),
        "occurred_at_given": record.occurred_at_given,
        "scores": {"nps": record.nps, "csat": record.csat, "ces": record.ces},
        "customer_id": record.customer_id,
        "metadata": record.metadata,
        "received_at": rfc3339(stored.received_at),
        "touchpoints": [{"id": place.id, "inferred": place.inferred} for place in stored.touchpoints],
        "analysis": stored.analysis,
    }


def rfc3339(moment: datetime) -> str:
    """A time in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_answer(content: dict[str, Any]) -> Response:
    """Results as JSON, by the serialiser that Pydantic brings: in less than half the time of the library's own."""
    return Response(to_json(content), media_type="application/json")
