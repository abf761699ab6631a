"""`/review`: one comment at a time, answered with the keyboard alone. In the audit the page knows no label of it."""

from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from pydantic import Field

import models
from service.body import Body
from service.corrections.correction import MAX_ACTOR
from service.corrections.in_force import GROUPS
from service.highlight import evidence_of, label_name, marked
from service.render import SCRIPTED, render, static
from service.review.queue import Item
from service.review.repository import Stream
from service.routes.given import Given, Parts, Who, from_our_own_pages
from service.routes.given import Query as Asked
from service.routes.review import STREAMS, agreement_of, take, waiting

router = APIRouter(include_in_schema=False)
_KEYS = "abcdefghijklmopqrstuvwxz0123456789"
"""For toggling labels in the audit; `n` and `y` are no and yes in the other streams."""


class View(Asked):
    """Whose queue is shown."""

    stream: Stream = "uncertain"
    annotator: str | None = Field(None, max_length=MAX_ACTOR)


@router.get("/review")
def review(parts: Given, who: Who, view: Annotated[View, Query()]) -> HTMLResponse:
    """The next comment of a stream."""
    annotator = view.annotator or who.name
    items = waiting(parts, who, view.stream, annotator, 1)
    return render(
        "review.html",
        headers=SCRIPTED,
        view=view,
        annotator=annotator,
        streams=STREAMS,
        item=_shown(items[0], parts) if items else None,
        agreement=agreement_of(parts, who),
        who=who,
    )


@router.post("/review", dependencies=[Depends(from_our_own_pages)])
def answered(parts: Given, who: Who, body: Body) -> Response:
    """Keep an answer and show the next comment."""
    fields = form_fields(body)
    given = {
        "stream": fields.get("stream"),
        "id": fields.get("id"),
        "actor": fields.get("annotator"),
        "present": [name[6:] for name, value in fields.items() if name[:6] == "label." and value == "yes"],
        "absent": [name[6:] for name, value in fields.items() if name[:6] == "label." and value == "no"],
    }
    if given["stream"] == "audit" or given["present"] or given["absent"]:
        take(parts, who, given)
    query = urlencode({name: fields[name] for name in ("stream", "annotator") if fields.get(name)})
    return RedirectResponse(f"/review?{query}", status_code=303)


@router.get("/static/review.js")
async def script() -> FileResponse:
    """The keyboard."""
    return static("review.js")


def form_fields(body: bytes) -> dict[str, str]:
    """A form's fields. Raises `InputError` "invalid_body", or "invalid_value" for what no database can hold."""
    try:
        fields = {name: values[-1] for name, values in parse_qs(body.decode("ascii")).items()}
    except ValueError as error:
        raise models.InputError("the body is not a form", code="invalid_body") from error
    if any("\0" in value for value in fields.values()):
        raise models.InputError("a form must not contain the character U+0000", code="invalid_value")
    return fields


def _shown(item: Item, parts: Parts) -> dict[str, Any]:
    """What the page is given: in the audit the comment and all labels, the same for every comment."""
    taxonomy, stored = parts.model.taxonomy, item.stored
    blind = item.stream == "audit"
    found = {} if blind else _found(stored.analysis)
    return {
        "id": stored.record.id,
        "text": marked(stored.record.text, [] if blind else evidence_of(stored.analysis, taxonomy)),
        "question": stored.record.question,
        "blind": blind,
        "labels": [
            {
                "id": id,
                "name": label_name(id, taxonomy),
                "key": _KEYS[place] if blind and place < len(_KEYS) else "",
                "kind": taxonomy.kinds.get(id, ""),
                "model": found.get(id),
                "why": item.disputes.get(id),
            }
            for place, id in enumerate(item.labels)
        ],
    }


def _found(analysis: dict[str, Any]) -> dict[str, float]:
    """Probabilities, as far as they are kept: of labels that were found, and of those in doubt."""
    found = [one for group in GROUPS for one in analysis.get(group, ())]
    return {one["id"]: one["probability"] for one in (*analysis["review"].get("doubts", ()), *found)}
