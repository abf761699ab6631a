"""`/v1/comments`: take in, read, drill down, erase."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

import models
from service import instruments, repository
from service.answers import CommentOut, CommentPage, Deleted, Taken, comment_json
from service.body import Body, comments_in
from service.database import read, write
from service.listing import MAX_QUERY, Empathy, Filters
from service.openapi import COMMENTS_BODY
from service.problems import documented
from service.routes.given import Given, Range, Who, label

router = APIRouter(prefix="/v1/comments", tags=["comments"])
MAX_LIMIT = 200


class Wanted(Range):
    """Which comments; all that is given must hold."""

    touchpoint: str | None = Field(None, description="A touchpoint that the comments count under.")
    issue: str | None = Field(None, description="An issue id of the taxonomy.")
    strength: str | None = Field(None, description="A strength id of the taxonomy.")
    sentiment: Literal["negative", "neutral", "positive"] | None = None
    empathy: Empathy | None = Field(None, description="Whether the words express empathy, and which.")
    q: str | None = Field(None, max_length=MAX_QUERY, description="Words that are in the text.")

    def filters(self, taxonomy: models.Taxonomy) -> Filters:
        """Checked. Raises `InputError` "invalid_value" naming the parameter."""
        from_day, to_day = self.days()
        return Filters(
            touchpoint=self.touchpoint,
            issue=label("issue", self.issue, taxonomy),
            strength=label("strength", self.strength, taxonomy),
            sentiment=self.sentiment,
            empathy=self.empathy,
            from_=from_day,
            to=to_day,
            q=self.q,
        )


class WantedPage(Wanted):
    """Which comments, and which page of them."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


@router.post(
    "",
    response_model=Taken,
    responses=documented(400, 413, 422, 503),
    openapi_extra=COMMENTS_BODY,
    summary="Tag and store comments",
)
def take_comments(parts: Given, who: Who, body: Body) -> JSONResponse:
    """One transaction a comment. The same id with the same content again is a replay, with other content a
    replacement; nothing is counted twice."""
    items = comments_in(body, max_batch=parts.settings.max_batch)
    who.meter.take("comments", len(items))
    results = parts.desk.record(items, tenant=who.tenant)
    instruments.count("comments", results)
    return JSONResponse(results.to_dict())


@router.get(
    "", response_model=CommentPage, responses=documented(422, 503), summary="Find comments, newest first"
)
def list_comments(parts: Given, who: Who, wanted: Annotated[WantedPage, Query()]) -> JSONResponse:
    """Page by page: `next_cursor` is null on the last one."""
    filters = wanted.filters(parts.model.taxonomy)
    with read(parts.engine) as conn:
        page = repository.select(conn, who.tenant, filters, wanted.limit, wanted.cursor)
    comments = [comment_json(stored) for stored in page.comments]
    return JSONResponse({"comments": comments, "next_cursor": page.next_cursor})


@router.delete(
    "",
    response_model=Deleted,
    responses=documented(403, 422, 503),
    summary="Erase all comments of a customer",
)
def delete_comments_of(
    parts: Given, who: Who, customer_id: Annotated[str, Query(min_length=1)]
) -> JSONResponse:
    """The metrics follow. Without `customer_id` nothing is erased."""
    with write(parts.engine) as conn:
        deleted = repository.delete_customer(conn, who.tenant, customer_id)
    return JSONResponse({"deleted": deleted})


@router.get(
    "/{id:path}", response_model=CommentOut, responses=documented(404, 503), summary="Read one comment"
)
def get_comment(parts: Given, who: Who, id: str) -> JSONResponse:
    """What was sent, and what was made of it."""
    with read(parts.engine) as conn:
        stored = repository.get(conn, who.tenant, id)
    if stored is None:
        raise _unknown()
    return JSONResponse(comment_json(stored))


@router.delete(
    "/{id:path}", status_code=204, responses=documented(403, 404, 503), summary="Erase one comment"
)
def delete_comment(parts: Given, who: Who, id: str) -> Response:
    """The metrics follow."""
    with write(parts.engine) as conn:
        found = repository.delete(conn, who.tenant, id)
    if not found:
        raise _unknown()
    return Response(status_code=204)


def _unknown() -> models.InputError:
    return models.InputError("no comment has this id", code="unknown_comment")
