"""The touchpoints in a terminal: a table of scores, with intervals where it is wide, and one of their labels."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import models
from service.highlight import label_name
from service.render import HIDDEN, decimal, percent, signed
from service.views.showing import METHODS, kinds_of, most_frequent

_WIDE = 100
_UNSEEN = 160
"""Columns of a file or pipe, which has no width of its own."""
_TOP = 2
_NUMBERS = ("comments", "NPS", "CSAT", "CES", "sentiment", "empathy")
_TAGS = METHODS["tags"][0]
_ABOUT = (
    "Shares of comments with 95 % intervals, corrected by the audit or by the model's known errors as on the page; "
    f"those marked {_TAGS} are tags as counted."
)
Metrics = Mapping[str, Any]


def output() -> Console:
    """Standard output."""
    return Console(width=None if sys.stdout.isatty() else _UNSEEN)


def print_touchpoints(console: Console, overview: Metrics, taxonomy: models.Taxonomy) -> None:
    """One line a touchpoint, the largest first, all comments together last; greyed where the base is low."""
    if not overview["total"]["n"]:
        console.print("No comments in these days.")
        return

    groups = [group for _, group in kinds_of(taxonomy)]

    def labels(metrics: Metrics) -> list[str]:
        return [_top(metrics, group, taxonomy) for group in groups]

    console.print(_table(_NUMBERS, overview, lambda m: _numbers(m, intervals=console.width >= _WIDE)))
    console.print(_table(tuple(f"top {group}" for group in groups), overview, labels))
    console.print(_ABOUT, style="dim")


def _table(columns: tuple[str, ...], overview: Metrics, cells: Callable[[Metrics], list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("touchpoint", overflow="fold", min_width=12)
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name in _NUMBERS)
    for metrics in overview["touchpoints"]:
        style = "dim" if metrics["low_base"] else None
        name = metrics["touchpoint"] + (" (low base)" if metrics["low_base"] else "")
        table.add_row(*_texts(name, cells(metrics)), style=style)
    table.add_section()
    table.add_row(*_texts("all comments", cells(overview["total"])), style="bold")
    return table


def _texts(name: str, cells: list[str]) -> list[Text]:
    # Text and not markup: a client's slug is no instruction to the terminal.
    return [Text(cell) for cell in (name, *cells)]


def _numbers(metrics: Metrics, *, intervals: bool) -> list[str]:
    return [
        f"{metrics['n']:,}",
        _estimate(signed, metrics["nps"], "value", intervals),
        _estimate(percent, metrics["csat"], "value", intervals),
        _estimate(decimal, metrics["ces"], "mean", intervals),
        signed(metrics["sentiment"]["net"]),
        signed(metrics["empathy"]["index"]),
    ]


def _estimate(shown: Callable[[float | None], str], estimate: Metrics, name: str, intervals: bool) -> str:
    if estimate["ci95"] is None:
        return f"{HIDDEN} ({estimate['n']})" if estimate["n"] else HIDDEN
    value = shown(estimate[name])
    return f"{value} {_ends(shown, estimate['ci95'])}" if intervals else value


def _ends(shown: Callable[[float | None], str], ci95: Sequence[float]) -> str:
    low, high = (shown(end).removesuffix("%") for end in ci95)
    return f"[{low}, {high}]"


def _top(metrics: Metrics, key: str, taxonomy: models.Taxonomy) -> str:
    lines = []
    for one in most_frequent(metrics, key)[:_TOP]:
        name = label_name(one["id"], taxonomy) + (f" ({_TAGS})" if one["word"] == _TAGS else "")
        lines.append(f"{percent(one['rate']):>4} {_ends(percent, one['ci95'])} {name}")
    return "\n".join(lines) or HIDDEN
