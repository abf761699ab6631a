"""`/v1/drift` and the page `/drift`: is what comes in still what it was?"""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from service.database import read
from service.drift.answers import DriftOut
from service.drift.checks import MIN_NEW, MIN_OLD
from service.drift.watching import WEEK, By, drift
from service.problems import documented
from service.render import render
from service.rollup_repository import last_day
from service.routes.given import Given, Parts, Query, Who, day
from service.views.drift import drift_view

router = APIRouter(tags=["drift"])
pages = APIRouter(include_in_schema=False)


class Weeks(Query):
    """Which weeks, of which sources."""

    from_: str | None = Field(
        None,
        alias="from",
        description="First day of the first week (UTC); seven days before `to` if missing.",
    )
    to: str | None = Field(None, description="The day after the last week; today if missing.")
    by: By = Field("channel", description="What a source is: the channel or the touchpoint.")

    def days(self, last: date) -> tuple[date, date]:
        """The range, up to `last` if not said otherwise. Raises `InputError` "invalid_value"."""
        end = day("to", self.to) or last
        start = day("from", self.from_)
        if start is None:
            # The first week of the calendar has none before it, which `weeks` refuses.
            start = end - WEEK if end.toordinal() > WEEK.days else date.min
        return start, end


@router.get("/v1/drift", response_model=DriftOut, responses=documented(422, 503), summary="What drifts")
def get_drift(parts: Given, who: Who, wanted: Annotated[Weeks, FromQuery()]) -> JSONResponse:
    """Each week against the eight weeks before it, all comments and per source: scores, words, languages, lengths,
    what is out of scope, and how often audits and the model differ. Of many comments a random part is looked at."""
    return JSONResponse(_found(parts, who.tenant, wanted, *wanted.days(datetime.now(UTC).date())))


@pages.get("/drift")
def show_drift(parts: Given, who: Who, wanted: Annotated[Weeks, FromQuery()]) -> HTMLResponse:
    """The last week that has comments, or the weeks asked for, for people."""
    with read(parts.engine) as conn:
        last = last_day(conn, who.tenant)
    today = datetime.now(UTC).date()
    # Up to the evening of the last comment; a comment that claims to be of the future moves nothing.
    end = today if last is None or last >= today else date.fromordinal(last.toordinal() + 1)
    found = _found(parts, who.tenant, wanted, *wanted.days(end))
    with read(parts.engine) as conn:
        view = drift_view(conn, who.tenant, found, parts.model.taxonomy)
    return render("drift.html", view=view, wanted=wanted, least=(MIN_NEW, MIN_OLD), who=who)


def _found(parts: Parts, tenant: str, wanted: Weeks, start: date, end: date) -> dict[str, Any]:
    with read(parts.engine) as conn:
        return drift(conn, tenant, parts.rules, parts.model.taxonomy, start, end, wanted.by)
