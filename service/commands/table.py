"""The table of touchpoints in a terminal: one where it is wide, two narrower ones where it is not."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import models
from service.highlight import label_name
from service.render import HIDDEN, decimal, percent, signed

_WIDE = 148
_UNSEEN = 160
"""Columns of a file or pipe, which has no width of its own."""
_TOP = 2
_NUMBERS = ("comments", "NPS", "CSAT", "CES", "sentiment", "empathy")
_LABELS = ("top issues", "top strengths")
Metrics = Mapping[str, Any]


def output() -> Console:
    """Standard output."""
    return Console(width=None if sys.stdout.isatty() else _UNSEEN)


def print_touchpoints(console: Console, overview: Metrics, taxonomy: models.Taxonomy) -> None:
    """One line a touchpoint, the largest first, all comments together last; greyed where the base is low."""
    if not overview["total"]["n"]:
        console.print("No comments in these days.")
        return

    def labels(metrics: Metrics) -> list[str]:
        return [_top(metrics[key], taxonomy) for key in ("issues", "strengths")]

    if console.width >= _WIDE:
        columns = (*_NUMBERS, *_LABELS)
        console.print(_table(columns, overview, lambda m: _numbers(m, intervals=True) + labels(m)))
    else:
        console.print(_table(_NUMBERS, overview, lambda m: _numbers(m, intervals=False)))
        console.print(_table(_LABELS, overview, labels))


def _table(columns: tuple[str, ...], overview: Metrics, cells: Callable[[Metrics], list[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("touchpoint", overflow="fold", min_width=12)
    for name in columns:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name in _NUMBERS)
    for metrics in overview["touchpoints"]:
        style = "dim" if metrics["low_base"] else None
        table.add_row(*_texts(metrics["touchpoint"], cells(metrics)), style=style)
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
    low, high = (shown(end).removesuffix("%") for end in estimate["ci95"])
    return f"{shown(estimate[name])} [{low}, {high}]" if intervals else shown(estimate[name])


def _top(labels: list[Metrics], taxonomy: models.Taxonomy) -> str:
    found = [one for one in labels if one["observed"]["count"] and one["observed"]["rate"] is not None]
    lines = [
        f"{percent(one['observed']['rate']):>4} {label_name(one['id'], taxonomy)}" for one in found[:_TOP]
    ]
    return "\n".join(lines) or HIDDEN
