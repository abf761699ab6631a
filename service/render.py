"""Pages from templates: Jinja2 with everything escaped, no request to anywhere else."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from service.headers import SAFE

FOLDER = Path(__file__).with_name("page")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = SAFE | {"Content-Security-Policy": _POLICY}
SCRIPTED = {"Content-Security-Policy": f"{_POLICY}; script-src 'self'; connect-src 'self'"}
"""For pages that bring a script of ours; each of them works without it too."""
HIDDEN = "–"
"""What stands for a value that is hidden or not there."""


def render(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """One page. What it shows is private to whoever may see it: it is never kept in a cache."""
    html = environment().get_template(template).render(**context)
    return HTMLResponse(html, status_code=status, headers=_HEADERS | dict(headers or {}))


def static(name: str) -> FileResponse:
    """A file of ours that a page asks for."""
    kinds = {".css": "text/css", ".js": "text/javascript"}
    headers = {"Cache-Control": "max-age=300"}
    return FileResponse(FOLDER / name, media_type=kinds[Path(name).suffix], headers=headers)


@cache
def environment() -> Environment:
    """The templates and their filters; made when the first page is asked for."""
    env = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "signed": signed,
        "decimal": decimal,
        "percent": percent,
        "bare": bare,
        "day": day,
        "count": count,
        "moment": moment,
        "code": code,
    }
    return env


def signed(value: float | None) -> str:
    """A figure from -100 to 100 with its sign, a real minus: +12, −7, 0.

    >>> signed(-12.4), signed(None)
    ('−12', '–')
    """
    if value is None:
        return HIDDEN
    whole = round(value)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def decimal(value: float | None) -> str:
    """A mean to one decimal."""
    return HIDDEN if value is None else f"{value:.1f}".replace("-", "−")


def percent(value: float | None) -> str:
    """A share of 0 to 1 as a whole percentage.

    >>> percent(0.237)
    '24%'
    """
    return HIDDEN if value is None else f"{100 * value:.0f}%"


def bare(value: float | None) -> str:
    """A share of 0 to 1 as a whole number of hundredths, where the sign would only repeat."""
    return HIDDEN if value is None else f"{100 * value:.0f}"


def day(value: date) -> str:
    """A day as people write it."""
    return f"{value:%-d %b %Y}"


def count(value: int) -> str:
    """A count with thousands parted."""
    return f"{value:,}"


def code(text: str) -> Markup:
    """Plain text with its `backticked` words as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def moment(value: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{value:%d %b %Y, %H:%M} UTC"
