"""The page for people: `/` is the customer's journey, `/heatmap` every touchpoint's labels.

Server-rendered, readable without a script and by screen readers; every view is an address.
"""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import Field
from sqlalchemy.engine import Connection

from models.taxonomy import Kind
from service.database import read
from service.metrics import overview
from service.metrics.alerting import lately
from service.metrics.journey import Order, journey
from service.render import render, static
from service.rollup_repository import first_days, last_day
from service.routes.given import Given, Parts, Range, Who
from service.views.heatmap import ROWS, heatmap_view
from service.views.journey import journey_view
from service.views.showing import kinds_of
from service.views.story import alerts_view

router = APIRouter(include_in_schema=False)
_PRESETS = (7, 28, 90)


class Heatmap(Range):
    """Which labels (the first kind that the model has if not said), and from which touchpoint of the journey on."""

    show: Kind | None = None
    start: int = Field(0, ge=0, le=100_000)


@router.get("/")
def show_journey(parts: Given, who: Who, range: Annotated[Range, Query()]) -> HTMLResponse:
    """The journey, or how to load comments where there are none."""
    from_day, to_day = range.days()
    with read(parts.engine) as conn:
        order = order_of(parts)
        found = journey(conn, who.tenant, parts.rules, order, from_day=from_day, to_day=to_day)
        presets = presets_of(conn, who.tenant)
        watched = lately(conn, who.tenant, parts.rules, to_day)
    empty = found["empty"] and not found["total"]["n"]
    shown = journey_view(found, parts.model.taxonomy, days_kept(range))
    return render(
        "journey.html",
        view=shown,
        alerts=alerts_view(watched.alerts, parts.model.taxonomy, watched.until),
        empty=empty,
        range=range,
        kept=days_kept(range),
        presets=presets,
        rules=parts.rules,
        who=who,
    )


@router.get("/heatmap")
def show_heatmap(parts: Given, who: Who, wanted: Annotated[Heatmap, Query()]) -> HTMLResponse:
    """Rates of every issue, strength or category at every touchpoint in the order of the journey."""
    from_day, to_day = wanted.days()
    kinds = kinds_of(parts.model.taxonomy)
    show = wanted.show if wanted.show in dict(kinds) else kinds[0][0]
    with read(parts.engine) as conn:
        metrics = overview(conn, who.tenant, parts.rules, from_day=from_day, to_day=to_day)
        order = order_of(parts).sort(first_days(conn, who.tenant))
        presets = presets_of(conn, who.tenant)
    by_id = {one["touchpoint"]: one for one in metrics["touchpoints"]}
    places = [by_id[id] for id in order if id in by_id]
    kept = days_kept(wanted)
    part = places[wanted.start : wanted.start + ROWS]
    view = heatmap_view(part, metrics["total"], show, parts.rules, parts.model.taxonomy, kept)
    more = wanted.start + ROWS if len(places) > wanted.start + ROWS else None
    return render(
        "heatmap.html",
        view=view,
        wanted=wanted,
        kinds=kinds,
        kept=kept,
        presets=presets,
        more=more,
        all=len(places),
        who=who,
    )


@router.get("/static/listenwell.css")
async def stylesheet() -> FileResponse:
    """The one stylesheet."""
    return static("listenwell.css")


def order_of(parts: Parts) -> Order:
    """How touchpoints follow each other here."""
    return Order.of(parts.settings, parts.model.taxonomy)


def days_kept(range: Range) -> dict[str, str]:
    """The part of an address that says which days, for links that keep them."""
    return {name: value for name, value in (("from_", range.from_), ("to", range.to)) if value}


def presets_of(conn: Connection, tenant: str) -> list[dict[str, Any]]:
    """Ranges that people ask for, up to the newest comment."""
    last = last_day(conn, tenant)
    if last is None or last.toordinal() <= max(_PRESETS) or last >= date.max:
        return []
    end = last + timedelta(days=1)
    return [
        {"days": days, "from": (end - timedelta(days=days)).isoformat(), "to": end.isoformat()}
        for days in _PRESETS
    ]
