"""The shapes of answers, for the OpenAPI document, and the JSON of a stored comment.

Answers are plain dicts from `Analysis.to_dict` and `metrics`; these models say in public what is in them, and
a test holds real answers against them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from models import Analysis, Evidence
from service.corrections.correction import OTHERS, Correction, Source
from service.corrections.in_force import GROUPS
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


By = Literal["model", "person"]


class LabelInForce(BaseModel):
    """A label that counts, and who said so."""

    id: str
    by: By


class SentimentInForce(BaseModel):
    """`score` from -1 to 1; a person's level of -2 to 2 is half of it."""

    label: Literal["negative", "neutral", "positive"]
    score: float
    mixed: bool
    by: By


class SignalInForce(BaseModel):
    """`score` from -1 to 1."""

    score: float
    by: By


class IntentInForce(BaseModel):
    """What the comment is for."""

    label: str
    by: By


class LabelsInForce(BaseModel):
    """What the metrics and the filters go by."""

    issues: list[LabelInForce]
    strengths: list[LabelInForce]
    categories: list[LabelInForce]
    sentiment: SentimentInForce | None
    empathy: SignalInForce | None
    effort: SignalInForce | None
    loyalty: SignalInForce | None
    intent: IntentInForce | None


class AddedLabel(BaseModel):
    """A label that a person said is there, with the words that say so, if they were given."""

    id: str
    evidence: list[Evidence]


class CorrectedLabels(BaseModel):
    """What a person said of labels."""

    add: list[AddedLabel]
    remove: list[str]


class CorrectionOut(BaseModel):
    """What a person said of a comment; fields that they did not speak of are absent."""

    model_config = ConfigDict(protected_namespaces=())

    id: int
    comment_id: str
    labels: CorrectedLabels
    sentiment: int | str | None = None
    empathy: int | None = None
    effort: int | None = None
    loyalty: int | None = None
    intent: str | None = None
    actor: str
    note: str | None
    source: Source
    model_version: str
    at: datetime


class CorrectedOut(BaseModel):
    """A correction, what became of it, and the labels now in force."""

    outcome: Literal["created", "replayed"]
    correction: CorrectionOut
    labels: LabelsInForce


class CorrectionPage(BaseModel):
    """Corrections, newest first; `next_cursor` asks for those after them."""

    corrections: list[CorrectionOut]
    next_cursor: str | None


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
    analysis: Analysis = Field(description="What the model said.")
    labels: LabelsInForce = Field(description="What counts: the model's, with people's over them.")
    corrections: list[CorrectionOut] = Field(description="What people said, the first first.")


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


class Disagreement(BaseModel):
    """The audit's estimate less that of the model's card, with its 95 % interval."""

    difference: float
    ci95: tuple[float, float]
    p: float = Field(description="Two-sided.")
    real: bool = Field(
        description="The tagger does not err here as it did where it was measured; false discoveries are controlled "
        "over all labels and touchpoints of the answer."
    )


class Estimated(BaseModel):
    """The rate corrected for the tagger's error: by a random audit of the comments themselves, else by the card."""

    rate: float | None
    ci95: tuple[float, float] | None
    method: Literal["prediction_powered", "rogan_gladen"]
    audited: int = Field(description="Comments of the audit that it is made of; 0 where it is the card's.")
    disagreement: Disagreement | None = Field(description="Null where there is no audit, or no card.")


class LabelMetric(BaseModel):
    """How often one issue, strength or category is found."""

    id: str
    observed: Observed
    estimated: Estimated | None


class DifferenceOut(BaseModel):
    """One metric's difference with its 95 % interval. `label` is an issue, strength or category, of which the
    model's own tags are compared, before corrections."""

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
    categories: list[LabelMetric] = Field(description="Of a model of one's own categories; else empty.")
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
        "labels": labels_json(stored),
        "corrections": [correction_json(one) for one in stored.corrections],
    }


def labels_json(stored: StoredComment) -> dict[str, Any]:
    """The labels in force as JSON: ids and scores, each with who said so."""
    found = stored.labels
    return {group: [{"id": one["id"], "by": one["by"]} for one in found[group]] for group in GROUPS} | {
        name: found[name] for name in OTHERS
    }


def correction_json(one: Correction) -> dict[str, Any]:
    """A correction as JSON, as it was given, with when and over which model."""
    labels = one.said["labels"]
    added = [{"id": label["id"], "evidence": label["evidence"]} for label in labels["add"]]
    return {
        "id": one.id,
        "comment_id": one.comment_id,
        "labels": {"add": added, "remove": labels["remove"]},
        **{name: one.said[name] for name in OTHERS if name in one.said},
        "actor": one.actor,
        "note": one.note,
        "source": one.source,
        "model_version": one.model_version,
        "at": rfc3339(one.at),
    }


def rfc3339(moment: datetime) -> str:
    """A time in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_answer(content: dict[str, Any]) -> Response:
    """Results as JSON, by the serialiser that Pydantic brings: in less than half the time of the library's own."""
    return Response(to_json(content), media_type="application/json")
