"""`/v1/touchpoints`: the metrics, their comparison, and what they go with."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

import models
from service.answers import TouchpointMetrics, Touchpoints
from service.database import read
from service.metrics import Grain, overview, touchpoint_metrics
from service.metrics.answers import DriversOut
from service.metrics.comparison import with_previous
from service.metrics.driving import Score, associated
from service.problems import documented
from service.rollup_repository import check_touchpoint
from service.routes.given import Given, Range, Who

router = APIRouter(prefix="/v1/touchpoints", tags=["touchpoints"])


class RangeByGrain(Range):
    """A range, and how finely `series` divides it."""

    grain: Grain | None = Field(None, description="Weeks begin on Monday.")
    compare: Literal["previous"] | None = Field(
        None, description="With as many days before; needs `from` and `to`."
    )


class ScoreInRange(Range):
    """A range, and which score."""

    metric: Score = Field(description="The score that labels go with.")


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
    if range.compare and (from_day is None or to_day is None or from_day >= to_day):
        raise models.InputError("compare: needs from and to, in this order", code="invalid_value")
    if range.compare and from_day and to_day and 2 * from_day.toordinal() <= to_day.toordinal():
        raise models.InputError("compare: there are not as many days before from", code="invalid_value")
    with read(parts.engine) as conn:
        check_touchpoint(conn, who.tenant, id)
        metrics = touchpoint_metrics(
            conn,
            who.tenant,
            id,
            parts.rules,
            from_day=from_day,
            to_day=to_day,
            grain=range.grain,
        )
        if range.compare and from_day and to_day:
            metrics["comparison"] = with_previous(conn, who.tenant, id, parts.rules, from_day, to_day)
    return JSONResponse(metrics)


@router.get(
    "/{id}/drivers",
    response_model=DriversOut,
    responses=documented(404, 422, 503),
    summary="What a score is associated with",
)
def get_drivers(parts: Given, who: Who, id: str, range: Annotated[ScoreInRange, Query()]) -> JSONResponse:
    """Labels and themes that go with NPS, CSAT or ease at one touchpoint; "*" is all comments. None
    of it says what causes what."""
    from_day, to_day = range.days()
    with read(parts.engine) as conn:
        check_touchpoint(conn, who.tenant, id)
        found = associated(
            conn,
            who.tenant,
            id,
            range.metric,
            parts.rules,
            parts.model.taxonomy,
            from_day=from_day,
            to_day=to_day,
        )
    return JSONResponse(found)
