"""`/v1/touchpoints`: the metrics."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

import models
from service import repository
from service.answers import TouchpointMetrics, Touchpoints
from service.database import read
from service.metrics import Grain, overview, touchpoint_metrics
from service.problems import documented
from service.rollups import WHOLE
from service.routes.given import Given, Range, Who

router = APIRouter(prefix="/v1/touchpoints", tags=["touchpoints"])


class RangeByGrain(Range):
    """A range, and how finely `series` divides it."""

    grain: Grain | None = Field(None, description="Weeks begin on Monday.")


@router.get("", response_model=Touchpoints, responses=documented(422, 503), summary="All touchpoints")
def list_touchpoints(parts: Given, who: Who, range: Annotated[Range, Query()]) -> JSONResponse:
    """Every touchpoint that has comments in these days, the largest first, and all comments together."""
    from_day, to_day = range.days()
    with read(parts.engine) as conn:
        return JSONResponse(overview(conn, who.tenant, parts.rules, from_day=from_day, to_day=to_day))


@router.get(
    "/{id}/metrics",
    response_model=TouchpointMetrics,
    responses=documented(404, 422, 503),
    summary="One touchpoint",
)
def get_metrics(parts: Given, who: Who, id: str, range: Annotated[RangeByGrain, Query()]) -> JSONResponse:
    """The metrics of one touchpoint; "*" is all comments."""
    from_day, to_day = range.days()
    with read(parts.engine) as conn:
        if id != WHOLE and id not in repository.touchpoints(conn, who.tenant):
            raise models.InputError("no comment counts under this touchpoint", code="unknown_touchpoint")
        metrics = touchpoint_metrics(
            conn,
            who.tenant,
            id,
            parts.rules,
            from_day=from_day,
            to_day=to_day,
            grain=range.grain,
        )
    return JSONResponse(metrics)
