"""The page for people: `/` is a table of touchpoints; behind each, its numbers and its comments.

Server-rendered, readable without a script and by screen readers; every view is an address.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse

import models
from service import repository
from service.database import read
from service.highlight import evidence_of, label_name, marked
from service.keys.access import Caller
from service.listing import Page
from service.metrics import overview, touchpoint_metrics
from service.records import StoredComment
from service.render import STYLESHEET, render
from service.rollups import WHOLE
from service.routes.comments import Wanted
from service.routes.given import Given, Parts, Range, Who

router = APIRouter(include_in_schema=False)
_PAGE = 20
_TOP = 3


class View(Wanted):
    """Which comments are shown beneath the numbers."""

    cursor: str | None = None

    def address(self, **changes: str | None) -> str:
        """The query of this view with other filters; a changed filter starts from the newest comment."""
        kept = self.model_dump(by_alias=True, exclude={"cursor", "touchpoint"}) | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value})


@router.get("/")
def touchpoints(parts: Given, who: Who, range: Annotated[Range, Query()]) -> HTMLResponse:
    """The table of touchpoints, or how to load comments where there are none."""
    from_day, to_day = range.days()
    with read(parts.engine) as conn:
        metrics = overview(conn, who.tenant, parts.rules, from_day=from_day, to_day=to_day)
        empty = metrics["total"]["n"] == 0 and not repository.touchpoints(conn, who.tenant)
    kept = {name: value for name, value in (("from", range.from_), ("to", range.to)) if value}
    rows = [_row(one, parts, kept) for one in (metrics["total"], *metrics["touchpoints"])]
    return render("touchpoints.html", rows=rows, empty=empty, range=range, rules=parts.rules, who=who)


@router.get("/all")
def everything(parts: Given, who: Who, view: Annotated[View, Query()]) -> HTMLResponse:
    """All comments together."""
    return _touchpoint(parts, who, WHOLE, view)


@router.get("/touchpoints/{id}")
def touchpoint(parts: Given, who: Who, id: str, view: Annotated[View, Query()]) -> HTMLResponse:
    """The numbers of one touchpoint and its comments."""
    return _touchpoint(parts, who, id, view)


@router.get("/static/listenwell.css")
async def stylesheet() -> FileResponse:
    """The one stylesheet."""
    return FileResponse(STYLESHEET, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _touchpoint(parts: Parts, who: Caller, id: str, view: View) -> HTMLResponse:
    filters = view.model_copy(update={"touchpoint": id}).filters(parts.model.taxonomy)
    with read(parts.engine) as conn:
        if id != WHOLE and id not in repository.touchpoints(conn, who.tenant):
            raise models.InputError("no comment counts under this touchpoint", code="unknown_touchpoint")
        metrics = touchpoint_metrics(
            conn, who.tenant, id, parts.rules, from_day=filters.from_, to_day=filters.to
        )
        found = repository.select(conn, who.tenant, filters, _PAGE, view.cursor)
    return render(
        "touchpoint.html",
        m=metrics,
        name=_name(id),
        view=view,
        labels=[_labels(metrics, kind, parts) for kind in ("issue", "strength")],
        comments=_comments(found, parts),
        next_cursor=found.next_cursor,
        chosen=_chosen(view, parts),
        rules=parts.rules,
        who=who,
    )


def _row(metrics: dict[str, Any], parts: Parts, kept: Mapping[str, str]) -> dict[str, Any]:
    """One line of the table: the numbers, and its commonest issues and strengths that are not hidden."""
    place = metrics["touchpoint"]
    path = "/all" if place == WHOLE else f"/touchpoints/{quote(place, safe='')}"
    tops = {}
    for kind, key in (("issue", "issues"), ("strength", "strengths")):
        shown = [
            one for one in metrics[key] if one["observed"]["count"] and one["observed"]["rate"] is not None
        ]
        tops[key] = [
            one
            | {
                "name": label_name(one["id"], parts.model.taxonomy),
                "link": f"{path}?{urlencode({kind: one['id'], **kept})}#comments",
            }
            for one in shown[:_TOP]
        ]
    link = f"{path}?{urlencode(kept)}" if kept else path
    return {"m": metrics, "name": _name(place), "link": link, "whole": place == WHOLE, **tops}


def _labels(metrics: Mapping[str, Any], kind: str, parts: Parts) -> dict[str, Any]:
    key = {"issue": "issues", "strength": "strengths"}[kind]
    rows = [one | {"name": label_name(one["id"], parts.model.taxonomy)} for one in metrics[key]]
    found = [row for row in rows if row["observed"]["count"]]
    return {
        "kind": kind,
        "title": key.capitalize(),
        "found": found,
        "absent": [row["name"] for row in rows if not row["observed"]["count"]],
        "estimated": any(row["estimated"] for row in found),
    }


def _comments(page: Page, parts: Parts) -> list[dict[str, Any]]:
    return [_comment(stored, parts) for stored in page.comments]


def _comment(stored: StoredComment, parts: Parts) -> dict[str, Any]:
    analysis, taxonomy = stored.counted, parts.model.taxonomy
    return {
        "record": stored.record,
        "text": marked(stored.record.text, evidence_of(analysis, taxonomy)),
        "issues": [label_name(one["id"], taxonomy) for one in analysis["issues"]],
        "strengths": [label_name(one["id"], taxonomy) for one in analysis["strengths"]],
        "places": [(place, "inferred" if place.inferred else "") for place in stored.touchpoints],
        "state": _state(analysis),
    }


def _state(analysis: Mapping[str, Any]) -> str:
    if analysis["status"] != "analyzed":
        return "not analysed"
    if analysis["no_content"]:
        return "no content"
    sentiment = analysis["sentiment"]
    return f"{sentiment['label']}{', mixed' if sentiment['mixed'] else ''}"


def _chosen(view: View, parts: Parts) -> list[tuple[str, str]]:
    """The filters in force, in words, each with the address that drops it."""
    words = {
        "issue": view.issue and label_name(view.issue, parts.model.taxonomy),
        "strength": view.strength and label_name(view.strength, parts.model.taxonomy),
        "sentiment": view.sentiment,
        "empathy": view.empathy,
        "from": view.from_,
        "to": view.to,
        "q": view.q,
    }
    titles = {"q": "text", "to": "before"}
    return [
        (f"{titles.get(name, name)}: {word}", view.address(**{name: None}))
        for name, word in words.items()
        if word
    ]


def _name(place: str) -> str:
    return "All comments" if place == WHOLE else place
