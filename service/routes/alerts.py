"""`/v1/alerts`: what changed, where, since when."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as FromQuery
from fastapi.responses import JSONResponse
from pydantic import Field

import models
from service.database import read
from service.metrics.alerting import alerts
from service.metrics.answers import AlertsOut
from service.problems import documented
from service.routes.given import Given, Query, Who, day
from service.statistics.changes import DAYS

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


class Until(Query):
    """As of which day."""

    to: str | None = Field(
        None,
        description="The day after the last one that is looked at, like 2026-11-21 (UTC). If missing, the day after "
        "the newest comment, but not after today.",
    )


@router.get("", response_model=AlertsOut, responses=documented(422, 503), summary="What changed")
def list_alerts(parts: Given, who: Who, until: Annotated[Until, FromQuery()]) -> JSONResponse:
    """Rates of labels that are no longer what they were over eight weeks, at every touchpoint, the
    surest first. `comments` is the address of the comments behind an alert."""
    end = day("to", until.to)
    if end is not None and end.toordinal() <= DAYS:
        raise models.InputError(f"to: must leave {DAYS} days before it", code="invalid_value")
    with read(parts.engine) as conn:
        return JSONResponse(alerts(conn, who.tenant, parts.rules, end))
