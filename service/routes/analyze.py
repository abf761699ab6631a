"""`POST /v1/analyze`: tags comments and stores nothing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

import models
from service import instruments
from service.analyse import Judged, Results, judge
from service.answers import Analyzed, json_answer
from service.body import Body, comments_in
from service.keys.access import Caller
from service.openapi import COMMENTS_BODY
from service.problems import documented
from service.routes.given import Given, Parts, Who
from service.waiting import SMALL, run, unless_gone
from service.watched import watched

router = APIRouter(prefix="/v1", tags=["comments"])

Include = Annotated[
    Literal["all_labels"] | None, Query(description="Give the labels under their threshold, too.")
]


@router.post(
    "/analyze",
    response_model=Analyzed,
    responses=documented(400, 413, 422, 503),
    openapi_extra=COMMENTS_BODY,
    summary="Tag comments, store nothing",
)
async def analyze(request: Request, parts: Given, who: Who, body: Body, include: Include = None) -> Response:
    """Only `text` is needed. A bad comment becomes an error of its own and the others are answered."""
    large, limited = len(body) > SMALL, who.meter.limits("comments")
    async with who.meter.unless_refused("comments"):
        judged = await run(lambda: _judged(parts, who, body), aside=large or limited)
        analyses = await tagged(request, parts, judged.comments, all_labels=include == "all_labels")
        return await run(lambda: _answer(judged.results(analyses)), aside=large)


async def tagged(
    request: Request, parts: Parts, comments: list[models.Comment], *, all_labels: bool = False
) -> list[models.Analysis]:
    """What the model says, for as long as the client waits for it."""
    if not comments:
        return []
    with watched(len(comments)) as span:
        analyses = await unless_gone(request, parts.batcher.submit(comments, all_labels=all_labels))
        span.set_attribute("listenwell.model_version", analyses[0].model_version)
        return analyses


def _judged(parts: Parts, who: Caller, body: bytes) -> Judged:
    items = comments_in(body, max_batch=parts.settings.max_batch)
    who.meter.take("comments", len(items))
    return judge(items, parts.desk.masker)


def _answer(results: Results) -> Response:
    instruments.count("analyze", results.results, len(results.errors))
    return json_answer(results.to_dict())
