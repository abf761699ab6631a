"""What `/drift` shows: each alarm in words, with the comments behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from models import Taxonomy
from service import repository
from service.highlight import label_name
from service.views.showing import place_name

_EXCERPT = 240
_TITLES = {
    "scores": "Scores of a label",
    "probabilities": "All probabilities together",
    "words": "Words",
    "language": "Language",
    "length": "Length",
    "scope": "Out of scope or unread",
    "audit": "Audits and model differ",
}


def drift_view(
    conn: Connection, tenant: str, found: Mapping[str, Any], taxonomy: Taxonomy
) -> list[dict[str, Any]]:
    """The weeks, the last first."""
    return [
        {
            "from": week["from"],
            "to": week["to"],
            "reference": week["reference"],
            **_whole(week),
            "checks": sum(len(one["checks"]) for one in week["sources"]),
            "alarms": [
                one
                | {
                    "title": _TITLES[one["check"]],
                    "where": source_name(one["source"], found["by"], taxonomy),
                    "what": _what(one, taxonomy),
                    "excerpts": _excerpts(conn, tenant, one["comments"]),
                }
                for one in week["alarms"]
            ],
        }
        for week in reversed(found["weeks"])
    ]


def _whole(week: Mapping[str, Any]) -> dict[str, int]:
    """How many comments came in it and before, whatever their source."""
    whole = next(one for one in week["sources"] if one["source"] is None)
    return {name: whole[name] for name in ("comments", "reference_comments")}


def source_name(source: str | None, by: str, taxonomy: Taxonomy) -> str:
    """What people call a source."""
    if source is None:
        return "All comments"
    return place_name(source, taxonomy) if by == "touchpoint" else source


def _what(alarm: Mapping[str, Any], taxonomy: Taxonomy) -> str | None:
    what: str | None = alarm["what"]
    return label_name(what, taxonomy) if what in taxonomy.kinds else what


def _excerpts(conn: Connection, tenant: str, ids: Sequence[str]) -> list[tuple[str, str]]:
    stored = [repository.get(conn, tenant, id) for id in ids[:3]]
    texts = [(one.record.id, one.record.text) for one in stored if one is not None]
    return [(id, text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…") for id, text in texts]
