"""`/v1/segments`: the metrics by channel, language, or a field of the metadata."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as FromQuery
from fastapi.responses import JSONResponse
from pydantic import Field

from service.database import read
from service.listing import segment_field
from service.metrics.answers import SegmentsOut
from service.metrics.segments import by_segment
from service.problems import documented
from service.rollup_repository import check_touchpoint
from service.rollups import WHOLE
from service.routes.given import Given, Range, Who

router = APIRouter(prefix="/v1/segments", tags=["segments"])


class Wanted(Range):
    """By what, where and when."""

    by: str = Field(description="`channel`, `language`, or `metadata.` and a field, like `metadata.region`.")
    touchpoint: str = Field(WHOLE, description="One touchpoint; all comments if missing.")


@router.get("", response_model=SegmentsOut, responses=documented(404, 422, 503), summary="Metrics by segment")
def list_segments(parts: Given, who: Who, wanted: Annotated[Wanted, FromQuery()]) -> JSONResponse:
    """The largest segments, 50 at most, each with its differences from all other comments of the same days;
    those without the field are a segment of their own, `null`."""
    by = segment_field("by", wanted.by)
    from_day, to_day = wanted.days()
    with read(parts.engine) as conn:
        check_touchpoint(conn, who.tenant, wanted.touchpoint)
        found = by_segment(
            conn, who.tenant, wanted.touchpoint, by, parts.rules, from_day=from_day, to_day=to_day
        )
    return JSONResponse(found)
