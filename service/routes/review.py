"""`/v1/review`: comments that people should look at, what they answer, and how far they agree."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

import models
from models import Analysis
from service.body import Body, json_in
from service.corrections.correction import MAX_ACTOR, known_labels, read_correction
from service.database import read, write
from service.faults import fault_of
from service.keys.access import Caller
from service.openapi import ANSWER_BODY
from service.problems import documented
from service.review import agreement, repository
from service.review.answering import Answer, AnswerIn, answer
from service.review.queue import Item, upcoming
from service.review.repository import Stream
from service.routes.given import Given, Parts, Who
from service.routes.given import Query as Asked

router = APIRouter(prefix="/v1/review", tags=["review"])
STREAMS: tuple[Stream, ...] = ("uncertain", "audit", "disputed")


class Wanted(Asked):
    """Which stream, and for whom."""

    stream: Stream
    annotator: str | None = Field(
        None, max_length=MAX_ACTOR, description="Who reads; if not given, the key that is used."
    )
    limit: int = Field(10, ge=1, le=50)


class ReviewItem(BaseModel):
    """A comment to read. In the audit, `analysis` is null: whoever measures must not be led."""

    stream: Stream
    id: str
    text: str
    question: str | None
    labels: list[str] = Field(description="What is asked for.")
    disputes: dict[str, Literal["annotators", "model", "challenger"]]
    analysis: Analysis | None


class ReviewItems(BaseModel):
    """Comments to read, the most useful first."""

    items: list[ReviewItem]


class Answered(BaseModel):
    """Whether the answer is a new one."""

    outcome: Literal["created", "replayed"]


class LabelAgreement(BaseModel):
    """Krippendorff's alpha on one label; `n` comments were judged twice or more."""

    id: str
    alpha: float | None
    n: int


class StreamAgreement(BaseModel):
    """The agreement in one stream; `n` counts pairs of a comment and a label that were judged twice or more."""

    stream: Stream
    alpha: float | None
    n: int
    annotators: list[str]
    labels: list[LabelAgreement]


class Agreements(BaseModel):
    """By stream, since the uncertain ones are chosen for being hard. Only the audit speaks of all comments."""

    streams: list[StreamAgreement]


@router.get("", response_model=ReviewItems, responses=documented(422, 503), summary="What to read next")
def next_items(parts: Given, who: Who, wanted: Annotated[Wanted, Query()]) -> JSONResponse:
    """The three streams are kept apart: `uncertain`, where the model is least sure, rare labels first; `audit`,
    drawn at random and shown without the model's labels; `disputed`, where opinions differ."""
    items = waiting(parts, who, wanted.stream, wanted.annotator or who.name, wanted.limit)
    return JSONResponse({"items": [_json(item) for item in items]})


@router.post(
    "",
    response_model=Answered,
    responses=documented(400, 404, 409, 413, 422, 503),
    openapi_extra=ANSWER_BODY,
    summary="Answer",
)
def take_answer(parts: Given, who: Who, body: Body) -> JSONResponse:
    """In the uncertain and the disputed stream the answer is a correction as well. In the audit it only measures.

    404 `unknown_comment`; 409 `already_answered` where the same person said otherwise before, `not_in_stream` where
    the comment was not drawn, `not_analyzed`; 422 as for a correction.
    """
    return JSONResponse({"outcome": take(parts, who, json_in(body))})


@router.get(
    "/agreement", response_model=Agreements, responses=documented(503), summary="How far annotators agree"
)
def agreements(parts: Given, who: Who) -> JSONResponse:
    """Krippendorff's alpha, nominal, over what more than one person answered."""
    return JSONResponse({"streams": agreement_of(parts, who)})


def waiting(parts: Parts, who: Caller, stream: Stream, annotator: str, limit: int) -> list[Item]:
    """What waits for a person in a stream."""
    with read(parts.engine) as conn:
        return upcoming(conn, who.tenant, stream, annotator, _labels(parts), limit)


def take(parts: Parts, who: Caller, item: object) -> str:
    """Keep an answer given as JSON; its outcome. Raises `CommentError` or `InputError` as `answer` does."""
    if not isinstance(item, dict):
        raise models.CommentError("an answer must be a JSON object", code="invalid_type", field="")
    try:
        given = AnswerIn.model_validate(item)
    except ValidationError as error:
        raise fault_of(error, item, "an answer") from None
    labels = _labels(parts)
    if given.stream == "audit" and not given.absent:
        given.absent = [label for label in labels if label not in given.present]
    said = {
        "labels": {"add": given.present, "remove": given.absent},
        "actor": given.actor,
        "note": given.note,
    }
    if given.sentiment is not None:
        said["sentiment"] = given.sentiment
    try:
        new = read_correction(said, parts.model.taxonomy, who.name)
    except models.CommentError as error:
        raise _as_answered(error) from None
    with write(parts.engine) as conn:
        twice = parts.settings.review_twice
        return answer(conn, who.tenant, Answer(given.stream, given.id, new), labels, twice=twice)


def agreement_of(parts: Parts, who: Caller) -> list[dict[str, Any]]:
    """The agreement in each stream, as JSON."""
    found = []
    with read(parts.engine) as conn:
        for stream in STREAMS:
            given = repository.answers(conn, who.tenant, stream)
            by_label = agreement.by_label(given)
            labels = [{"id": id, "alpha": one.alpha, "n": one.n} for id, one in by_label.items() if one.n]
            people = sorted({one.annotator for one in given})
            together = agreement.overall(given)
            found.append(
                {"stream": stream, "alpha": together.alpha, "n": together.n}
                | {"annotators": people, "labels": labels}
            )
    return found


def _as_answered(error: models.CommentError) -> models.CommentError:
    """The same by the names of an answer, which are not those of a correction."""
    name = {"labels.remove": "absent", "labels.add": "present", "labels": "present"}.get(error.field)
    if name is None:
        return error
    return models.CommentError(name + error.detail.removeprefix(error.field), code=error.code, field=name)


def _labels(parts: Parts) -> tuple[str, ...]:
    return tuple(known_labels(parts.model.taxonomy))


def _json(item: Item) -> dict[str, Any]:
    record = item.stored.record
    return {
        "stream": item.stream,
        "id": record.id,
        "text": record.text,
        "question": record.question,
        "labels": list(item.labels),
        "disputes": item.disputes,
        "analysis": None if item.stream == "audit" else item.stored.analysis,
    }
