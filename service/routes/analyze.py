"""`POST /v1/analyze`: tags comments and stores nothing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from service import instruments
from service.answers import Analyzed
from service.body import Body, comments_in
from service.openapi import COMMENTS_BODY
from service.problems import documented
from service.routes.given import Given, Who

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
def analyze(parts: Given, who: Who, body: Body, include: Include = None) -> JSONResponse:
    """Only `text` is needed. A bad comment becomes an error of its own and the others are answered."""
    items = comments_in(body, max_batch=parts.settings.max_batch)
    who.meter.take("comments", len(items))
    results = parts.desk.analyze(items, all_labels=include == "all_labels")
    instruments.count("analyze", results.results, len(results.errors))
    return JSONResponse(results.to_dict())
