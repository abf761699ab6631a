"""The report as one HTML document that asks for nothing else: styles and drawings lie in it, no script does.

document(view, made=date(2026, 11, 22))  →  "<!doctype html>…"
"""

import base64
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from markupsafe import Markup

from service.render import FOLDER, environment
from service.reports.gathering import Asked


def document(view: Mapping[str, Any], *, made: date) -> str:
    """`view` is what `gathered` found, `made` the day that is printed on it."""
    total = view["total"]["m"]
    return (
        environment()
        .get_template("report.html")
        .render(
            **view,
            made=made,
            first=_day(total["from"]),
            last=_last(total["to"]),
            css=_style("report.css"),
            drawing=_style("drawing.css"),
            policy=policy(),
        )
    )


def file_name(asked: Asked, ending: str) -> str:
    """What the document is called, by its days: plain ASCII."""
    days = [
        f"-{word}-{day.isoformat()}" for word, day in (("from", asked.from_day), ("to", asked.to_day)) if day
    ]
    return f"customer-journey{''.join(days)}.{ending}"


@cache
def policy() -> str:
    """The document's Content-Security-Policy: its own two styles and nothing else, wherever it is opened."""
    hashes = " ".join(f"'sha256-{_hash(name)}'" for name in ("report.css", "drawing.css"))
    return f"default-src 'none'; style-src {hashes}; base-uri 'none'; form-action 'none'"


@cache
def _style(name: str) -> Markup:
    # Ours, and without a tag in it.
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def _hash(name: str) -> str:
    return base64.b64encode(sha256(_style(name).encode("utf-8")).digest()).decode("ascii")


def _day(day: str | None) -> date | None:
    return date.fromisoformat(day) if day else None


def _last(end: str | None) -> date | None:
    """The last day of a range whose end is exclusive."""
    day = _day(end)
    return day - timedelta(days=1) if day and day > date.min else day
