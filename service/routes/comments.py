"""`/v1/comments`: take in, read, drill down, erase."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

import models
from service import instruments, repository
from service.analyse import Begun
from service.answers import CommentOut, CommentPage, Deleted, Taken, comment_json, json_answer
from service.body import Body, comments_in
from service.database import read, write
from service.etags import etag, matches
from service.idempotency import once
from service.idempotency.once import IdempotencyKey
from service.intake import names_in
from service.keys.access import Caller
from service.listing import MAX_QUERY, Empathy, Filters, Where
from service.openapi import COMMENTS_BODY
from service.privacy.erasing import erase_comment, erase_customer
from service.problems import documented
from service.routes.analyze import tagged
from service.routes.given import Given, Parts, Range, Who, label
from service.routes.given import Query as Asked
from service.waiting import storing

router = APIRouter(prefix="/v1/comments", tags=["comments"])
MAX_LIMIT = 200
REPLAYED = {"Idempotency-Replayed": "true"}

IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="An `ETag`: answers 304 if it is still the same.")
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="An `ETag`: answers 412 if it is no longer the same.")
]


class Wanted(Range):
    """Which comments; all that is given must hold."""

    touchpoint: str | None = Field(None, description="A touchpoint that the comments count under.")
    issue: str | None = Field(None, description="An issue id of the taxonomy.")
    strength: str | None = Field(None, description="A strength id of the taxonomy.")
    category: str | None = Field(
        None, description="A category id, where the model has categories of one's own."
    )
    sentiment: Literal["negative", "neutral", "positive"] | None = None
    empathy: Empathy | None = Field(None, description="Whether the words express empathy, and which.")
    q: str | None = Field(
        None,
        max_length=MAX_QUERY,
        description="Words that are all in the text, in any order; a phrase in quotes.",
    )
    where: str | None = Field(None, description="A segment, like channel=phone or metadata.region=north.")

    def filters(self, taxonomy: models.Taxonomy) -> Filters:
        """Checked. Raises `InputError` "invalid_value" naming the parameter."""
        from_day, to_day = self.days()
        return Filters(
            touchpoint=self.touchpoint,
            issue=label("issue", self.issue, taxonomy),
            strength=label("strength", self.strength, taxonomy),
            category=label("category", self.category, taxonomy),
            sentiment=self.sentiment,
            empathy=self.empathy,
            from_=from_day,
            to=to_day,
            q=self.q,
            where=Where.of("where", self.where),
        )


class WantedPage(Wanted):
    """Which comments, and which page of them."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class CustomerWanted(Asked):
    """Whose comments to erase. There is nothing to narrow it down by: it must not look as if there were."""

    customer_id: str = Field(min_length=1)


@router.post(
    "",
    response_model=Taken,
    responses=documented(400, 409, 410, 413, 422, 503),
    openapi_extra=COMMENTS_BODY,
    summary="Tag and store comments",
)
async def take_comments(
    request: Request, parts: Given, who: Who, body: Body, key: IdempotencyKey = None
) -> Response:
    """One transaction a comment. The same id with the same content again is a replay, with other content a
    replacement; nothing is counted twice. An answer that an `Idempotency-Key` brought back says so with
    `Idempotency-Replayed: true`."""
    async with who.meter.unless_refused("comments"):
        writes = key is not None or who.meter.limits("comments")
        begin = partial(_begun, parts, who, body, key)
        begun = await (storing(begin) if writes else run_in_threadpool(begin))
        if isinstance(begun, str):
            return _json(begun, REPLAYED)
        analyses = await tagged(request, parts, begun.comments)
        return await storing(lambda: _stored(parts, who, key, begun, analyses))


def _begun(parts: Parts, who: Caller, body: bytes, key: str | None) -> Begun | str:
    """What is to be tagged, or the answer that was kept, which costs nothing."""
    items = comments_in(body, max_batch=parts.settings.max_batch)
    if key is not None:
        ids = names_in(item.get("id") for item in items if isinstance(item, dict))
        if (kept := once.begin(parts.engine, who.tenant, key, body, ids)) is not None:
            return kept
    who.meter.take("comments", len(items))
    return parts.desk.begin(items, tenant=who.tenant)


def _stored(
    parts: Parts, who: Caller, key: str | None, begun: Begun, analyses: list[models.Analysis]
) -> Response:
    results = parts.desk.finish(begun, analyses)
    instruments.count("comments", results.results, len(results.errors))
    if key is None:
        return json_answer(results.to_dict())
    answer, replayed = once.end(parts.engine, who.tenant, key, results)
    if not replayed:
        return _json(answer)
    who.meter.give_back("comments")
    return _json(answer, REPLAYED)


def _json(text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, media_type="application/json", headers=headers)


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
def delete_comments_of(parts: Given, who: Who, wanted: Annotated[CustomerWanted, Query()]) -> JSONResponse:
    """The metrics follow. Without `customer_id`, or with anything beside it, nothing is erased."""
    with write(parts.engine) as conn:
        deleted = erase_customer(conn, who.tenant, wanted.customer_id, who.name)
    return JSONResponse({"deleted": deleted})


@router.get(
    "/{id:path}",
    response_model=CommentOut,
    responses=documented(404, 503) | {304: {"description": "Not changed since the `If-None-Match`"}},
    summary="Read one comment",
)
def get_comment(parts: Given, who: Who, id: str, if_none_match: IfNoneMatch = None) -> Response:
    """What was sent, and what was made of it. The `ETag` stands for all of it."""
    with read(parts.engine) as conn:
        stored = repository.get(conn, who.tenant, id)
    if stored is None:
        raise _unknown()
    tag = etag(stored)
    if if_none_match is not None and matches(if_none_match, tag, weak=True):
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(comment_json(stored), headers={"ETag": tag})


@router.delete(
    "/{id:path}", status_code=204, responses=documented(403, 404, 412, 503), summary="Erase one comment"
)
def delete_comment(parts: Given, who: Who, id: str, if_match: IfMatch = None) -> Response:
    """The metrics follow. With `If-Match` only if the comment is still as it was read."""
    with write(parts.engine) as conn:
        found = erase_comment(conn, who.tenant, id, who.name, if_match=if_match)
    if not found:
        raise _unknown()
    return Response(status_code=204)


def _unknown() -> models.InputError:
    return models.InputError("no comment has this id", code="unknown_comment")
