"""`/v1/emerging` and `/emerging`: what customers talk of that no issue or strength covers."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field
from sqlalchemy.engine import Connection

from service.database import read
from service.keys.access import Caller
from service.metrics.answers import EmergingOut
from service.metrics.emerging import emerging, period_asked
from service.metrics.journey import PERIOD_DAYS
from service.problems import documented
from service.render import render
from service.rollup_repository import check_touchpoint, first_days, last_day
from service.rollups import WHOLE
from service.routes.given import Given, Range, Who
from service.routes.page import days_kept, order_of, presets_of
from service.statistics.themes import MIN_TEXTS
from service.views.showing import place_name

router = APIRouter(prefix="/v1/emerging", tags=["emerging"])
page = APIRouter(include_in_schema=False)


class Wanted(Range):
    """Where and when."""

    touchpoint: str = Field(WHOLE, description="One touchpoint; all comments if missing.")


@router.get(
    "", response_model=EmergingOut, responses=documented(404, 422, 503), summary="What no issue covers"
)
def list_emerging(parts: Given, who: Who, wanted: Annotated[Wanted, FromQuery()]) -> JSONResponse:
    """Themes of the newest 2,000 comments at most that have content and no label: candidates for the
    taxonomy, each with its growth against as many days before. Of the last 28 days where nobody says which."""
    with read(parts.engine) as conn:
        return JSONResponse(_found(conn, who, wanted))


@page.get("/emerging")
def show_emerging(parts: Given, who: Who, wanted: Annotated[Wanted, FromQuery()]) -> HTMLResponse:
    """The same for people."""
    taxonomy = parts.model.taxonomy
    with read(parts.engine) as conn:
        found = _found(conn, who, wanted)
        order = order_of(parts).sort(first_days(conn, who.tenant))
        presets = presets_of(conn, who.tenant)
    return render(
        "emerging.html",
        found=found,
        own=bool(taxonomy.categories),
        wanted=wanted,
        place=None if wanted.touchpoint == WHOLE else place_name(wanted.touchpoint, taxonomy),
        places=[(id, place_name(id, taxonomy)) for id in order],
        kept=days_kept(wanted),
        presets=presets,
        least=MIN_TEXTS,
        period_days=PERIOD_DAYS,
        who=who,
    )


def _found(conn: Connection, who: Caller, wanted: Wanted) -> dict[str, Any]:
    from_day, to_day = wanted.days()
    check_touchpoint(conn, who.tenant, wanted.touchpoint)
    period = period_asked(from_day, to_day, last_day(conn, who.tenant))
    return emerging(conn, who.tenant, wanted.touchpoint, period)
