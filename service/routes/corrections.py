"""`/v1/comments/{id}/corrections` and `/v1/corrections`: a person's labels over the model's."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from service.answers import CorrectedOut, CorrectionPage, correction_json, labels_json
from service.body import Body, json_in
from service.corrections import repository as corrections
from service.corrections.correcting import Corrected, correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.etags import etag
from service.idempotency.once import IdempotencyKey, answer_once
from service.intake import names_in
from service.openapi import CORRECTION_BODY
from service.problems import documented
from service.routes.comments import MAX_LIMIT, REPLAYED, IfMatch
from service.routes.given import Given, Who
from service.routes.given import Query as Asked

router = APIRouter(prefix="/v1", tags=["corrections"])


class CorrectionsWanted(Asked):
    """Which corrections, and which page of them."""

    actor: str | None = Field(None, description="Whose.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class _Answer:
    """A correction as an answer that can be kept by its idempotency key."""

    final = True

    def __init__(self, done: Corrected) -> None:
        self.comment_ids = [done.stored.record.id]
        self.etag = etag(done.stored)
        self._body = {
            "outcome": done.outcome,
            "correction": correction_json(done.correction),
            "labels": labels_json(done.stored),
        }

    def to_dict(self) -> dict[str, Any]:
        return self._body


@router.post(
    "/comments/{id:path}/corrections",
    response_model=CorrectedOut,
    responses=documented(400, 404, 409, 410, 412, 413, 422, 503),
    openapi_extra=CORRECTION_BODY,
    summary="Correct the labels of a comment",
)
def correct_comment(
    parts: Given, who: Who, id: str, body: Body, key: IdempotencyKey = None, if_match: IfMatch = None
) -> Response:
    """The model's analysis stays beside it; labels in force, filters and metrics follow at once. What the same
    person says again changes nothing ("replayed"). With `If-Match` only if the comment is still as it was read.

    404 `unknown_comment` also stands for one that was erased; 409 `not_analyzed` for one that the model could not
    read, `idempotency_conflict` for a key that was used otherwise; 410 `erased`; 412 `changed_meanwhile`; 422
    `unknown_label`, `contradictory_labels`, `empty_correction`, `invalid_evidence`, `invalid_value`, `unknown_field`.
    """
    new = read_correction(json_in(body), parts.model.taxonomy, who.name)

    headers: dict[str, str] = {}

    def work() -> _Answer:
        with write(parts.engine) as conn:
            done = _Answer(correct(conn, who.tenant, id, new, if_match=if_match))
        headers["ETag"] = done.etag
        return done

    if key is None:
        return JSONResponse(work().to_dict(), headers=headers)
    # The same words of another comment are another request.
    about = f"{id}\n".encode() + body
    answer, kept = answer_once(parts.engine, who.tenant, key, about, work, names_in([id]))
    if kept:
        headers = REPLAYED
    return Response(answer, media_type="application/json", headers=headers)


@router.get(
    "/corrections",
    response_model=CorrectionPage,
    response_model_exclude_unset=True,
    responses=documented(422, 503),
    summary="All corrections, newest first",
)
def list_corrections(parts: Given, who: Who, wanted: Annotated[CorrectionsWanted, Query()]) -> JSONResponse:
    """Page by page: `next_cursor` is null on the last one. Those of erased comments are gone."""
    with read(parts.engine) as conn:
        page = corrections.select(conn, who.tenant, wanted.limit, wanted.cursor, wanted.actor)
    found = [correction_json(one) for one in page.corrections]
    return JSONResponse({"corrections": found, "next_cursor": page.next_cursor})
