"""A touchpoint's story: `/touchpoints/{id}` and `/all`, with what its scores go with fetched when it is there."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse

from service.database import read
from service.keys.access import Caller
from service.metrics import touchpoint_metrics
from service.metrics.alerting import lately
from service.metrics.driving import Score, associated
from service.metrics.touchpoints import series
from service.metrics.typical import NEWEST, typical
from service.render import SCRIPTED, render, static
from service.rollup_repository import check_touchpoint
from service.rollups import WHOLE
from service.routes.given import Given, Parts, Range, Who
from service.routes.page import days_kept, presets_of
from service.views import story
from service.views.showing import METHODS, evidence_address, place_name, story_address

router = APIRouter(include_in_schema=False)


class Scored(Range):
    """Which score is asked about, and whether the answer goes into a page that is open already."""

    metric: Score = "nps"
    part: bool = False


@router.get("/all")
def show_everything(parts: Given, who: Who, range: Annotated[Range, Query()]) -> HTMLResponse:
    """All comments together."""
    return _story(parts, who, WHOLE, range)


@router.get("/touchpoints/{id}")
def show_touchpoint(parts: Given, who: Who, id: str, range: Annotated[Range, Query()]) -> HTMLResponse:
    """One touchpoint."""
    return _story(parts, who, id, range)


@router.get("/all/drivers")
def show_drivers_of_all(parts: Given, who: Who, wanted: Annotated[Scored, Query()]) -> HTMLResponse:
    """What a score goes with over all comments."""
    return _drivers(parts, who, WHOLE, wanted)


@router.get("/touchpoints/{id}/drivers")
def show_drivers(parts: Given, who: Who, id: str, wanted: Annotated[Scored, Query()]) -> HTMLResponse:
    """What a score goes with at one touchpoint."""
    return _drivers(parts, who, id, wanted)


@router.get("/static/story.js")
async def script() -> FileResponse:
    """Fetches what takes longer to reckon."""
    return static("story.js")


def _story(parts: Parts, who: Caller, id: str, range: Range) -> HTMLResponse:
    from_day, to_day = range.days()
    taxonomy, kept = parts.model.taxonomy, days_kept(range)
    with read(parts.engine) as conn:
        check_touchpoint(conn, who.tenant, id)
        m = touchpoint_metrics(conn, who.tenant, id, parts.rules, from_day=from_day, to_day=to_day)
        grain = story.grain_of(m)
        m["series"] = series(conn, who.tenant, id, parts.rules, grain, from_day=from_day, to_day=to_day)
        found = lately(conn, who.tenant, parts.rules, to_day)
        sides = story.sides(
            m,
            taxonomy,
            kept,
            lambda kind, label: typical(conn, who.tenant, id, kind, label, (from_day, to_day)),
        )
        presets = presets_of(conn, who.tenant)
    return render(
        "story.html",
        headers=SCRIPTED,
        m=m,
        name=place_name(id, taxonomy),
        path=story_address(id),
        evidence=evidence_address(id, **kept),
        grain=grain,
        trends=story.trends(m),
        volume=story.volume(m),
        alerts=story.alerts_view(
            [one for one in found.alerts if one["touchpoint"] == id], taxonomy, found.until
        ),
        judged=id in found.judged,
        sides=sides,
        methods=METHODS,
        newest=NEWEST,
        scores=[(slug, title) for slug, title in _SCORES if m[slug]["n"] >= parts.rules.low_base_below],
        kept=kept,
        range=range,
        presets=presets,
        rules=parts.rules,
        who=who,
    )


_SCORES: tuple[tuple[Score, str], ...] = (("nps", "NPS"), ("csat", "CSAT"), ("ces", "Ease"))


def _drivers(parts: Parts, who: Caller, id: str, wanted: Scored) -> HTMLResponse:
    from_day, to_day = wanted.days()
    taxonomy = parts.model.taxonomy
    with read(parts.engine) as conn:
        check_touchpoint(conn, who.tenant, id)
        found = associated(
            conn, who.tenant, id, wanted.metric, parts.rules, taxonomy, from_day=from_day, to_day=to_day
        )
    return render(
        "drivers_part.html" if wanted.part else "drivers.html",
        view=story.drivers_view(found, taxonomy),
        title=dict(_SCORES)[wanted.metric],
        name=place_name(id, taxonomy),
        back=story_address(id, **days_kept(wanted)),
        kept=days_kept(wanted),
        rules=parts.rules,
        who=who,
    )
