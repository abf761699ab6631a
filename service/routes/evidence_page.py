"""`/comments`: the comments themselves, filtered by the address, and a person's yes or no to what the model found."""

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from sqlalchemy.engine import Connection

import models
from service import repository
from service.body import Body
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.corrections.in_force import GROUP_OF
from service.database import read, write
from service.highlight import label_name
from service.keys.access import Caller
from service.listing import Filters
from service.metrics import touchpoint_metrics
from service.render import SCRIPTED, render, static
from service.rollup_repository import first_days
from service.rollups import WHOLE
from service.routes.comments import Wanted
from service.routes.given import Given, Parts, Who, from_our_own_pages
from service.routes.page import days_kept, order_of
from service.routes.review_page import form_fields
from service.views.evidence import comment_view
from service.views.showing import kinds_of, place_name, rate_shown, story_address

router = APIRouter(include_in_schema=False)
_PAGE = 20
_VERDICTS = {"agree": "add", "disagree": "remove"}


class View(Wanted):
    """Which comments are shown, and what was just said of one of them."""

    cursor: str | None = None
    verdict: Literal["agree", "disagree"] | None = None
    of: str | None = None
    comment: str | None = None

    def address(self, **changes: str | None) -> str:
        """The query of this view with other filters; a changed filter starts from the newest comment."""
        gone = {"cursor", "verdict", "of", "comment"}
        kept = self.model_dump(by_alias=True, exclude=gone) | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value})


@router.get("/comments")
def show_comments(parts: Given, who: Who, view: Annotated[View, Query()]) -> HTMLResponse:
    """A page of comments, newest first."""
    taxonomy = parts.model.taxonomy
    filters = view.filters(taxonomy)
    with read(parts.engine) as conn:
        found = repository.select(conn, who.tenant, filters, _PAGE, view.cursor)
        rates = _rates(conn, parts, who, filters)
        order = order_of(parts).sort(first_days(conn, who.tenant))
    asked = next((label for _, label in filters.labels), None)
    return render(
        "evidence.html",
        headers=SCRIPTED,
        view=view,
        back=view.address(cursor=view.cursor),
        comments=[comment_view(one, taxonomy, asked) for one in found.comments],
        next_cursor=found.next_cursor,
        chosen=_chosen(view, parts),
        rates=rates,
        narrowed=len(filters.labels) > 1 or any((view.q, view.sentiment, view.empathy, view.where)),
        kept=days_kept(view),
        places=[(id, place_name(id, taxonomy)) for id in order],
        story=story_address(view.touchpoint or WHOLE, **days_kept(view)),
        labels=[
            (kind, [(id, label_name(id, taxonomy)) for id, of in taxonomy.kinds.items() if of == kind])
            for kind, _ in kinds_of(taxonomy)
        ],
        said=_said(view, parts),
        own=bool(taxonomy.categories),
        may_correct="write" in who.scopes,
        who=who,
    )


@router.post("/comments/verdict", dependencies=[Depends(from_our_own_pages)])
def keep_verdict(parts: Given, who: Who, body: Body) -> Response:
    """Keep a yes or no to one label as a correction, and show the same comments again."""
    fields = form_fields(body)
    verdict = next((name for name in _VERDICTS if name in fields), None)
    if verdict is None or "id" not in fields:
        raise models.InputError("a verdict names a comment and a label", code="missing_field")
    said = {"labels": {_VERDICTS[verdict]: [fields[verdict]]}}
    new = read_correction(said, parts.model.taxonomy, who.name)
    with write(parts.engine) as conn:
        correct(conn, who.tenant, fields["id"], new, anew=True)
    back = [(name, value) for name, value in parse_qsl(fields.get("back", "").lstrip("?")) if name in _KEPT]
    query = urlencode([*back, ("verdict", verdict), ("of", fields[verdict]), ("comment", fields["id"])])
    place = fields.get("place", "")
    anchor = f"#c{place}" if place.isascii() and place.isdecimal() else "#list"
    return RedirectResponse(f"/comments?{query}{anchor}", status_code=303)


_KEPT = {field.alias or name for name, field in Wanted.model_fields.items()} | {"cursor"}


@router.get("/static/evidence.js")
async def script() -> FileResponse:
    """The keyboard."""
    return static("evidence.js")


def _rates(conn: Connection, parts: Parts, who: Caller, asked: Filters) -> list[dict[str, Any]]:
    """The rate of each label that is asked for, at the touchpoint and on the days that are asked for."""
    if not asked.labels:
        return []
    place = asked.touchpoint or WHOLE
    metrics = touchpoint_metrics(conn, who.tenant, place, parts.rules, from_day=asked.from_, to_day=asked.to)
    return [
        rate_shown(one, metrics) | {"name": label_name(one["id"], parts.model.taxonomy)}
        for kind, wanted in asked.labels
        for one in metrics[GROUP_OF[kind]]
        if one["id"] == wanted
    ]


def _said(view: View, parts: Parts) -> dict[str, str] | None:
    """What the reader just said, in words, with what they would say instead."""
    if not (view.verdict and view.of and view.comment):
        return None
    opposite = "disagree" if view.verdict == "agree" else "agree"
    name = label_name(view.of, parts.model.taxonomy)
    return {"verdict": view.verdict, "of": view.of, "id": view.comment, "name": name, "opposite": opposite}


def _chosen(view: View, parts: Parts) -> list[tuple[str, str]]:
    """The filters in force, in words, each with the address that drops it."""
    taxonomy = parts.model.taxonomy
    words = {
        "touchpoint": view.touchpoint and place_name(view.touchpoint, taxonomy),
        "issue": view.issue and label_name(view.issue, taxonomy),
        "strength": view.strength and label_name(view.strength, taxonomy),
        "category": view.category and label_name(view.category, taxonomy),
        "sentiment": view.sentiment,
        "empathy": view.empathy,
        "from": view.from_,
        "to": view.to,
        "q": view.q,
        "where": view.where,
    }
    titles = {"q": "text", "to": "before", "where": "only"}
    return [
        (f"{titles.get(name, name)}: {word}", view.address(**{name: None}))
        for name, word in words.items()
        if word
    ]
