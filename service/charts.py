"""Where the lines of a drawing lie: pure geometry, which templates put into SVG. Nothing here knows what is drawn.

    curve([Point(0, 10), Point(100, 40)])        the path of a smooth line that never overshoots its points
    trend(series, names, 640, 120)               a line over time with its band

Coordinates are user units of the SVG, y downwards, rounded to a tenth to keep pages small.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """A place on the drawing."""

    x: float
    y: float


class Ranged(NamedTuple):
    """A value with the ends of its interval, or None where it is hidden."""

    value: float | None
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Mark:
    """One point of a curve: its interval from `top` down to `bottom`; `shown` false where there is no value.

    One that is `alone` has no neighbour that is shown, and so no band.
    """

    x: float
    y: float
    top: float
    bottom: float
    shown: bool
    alone: bool = False


@dataclass(frozen=True)
class Curve:
    """Marks, and through each run of them that are shown a line with its band; `bridges` lead over what is hidden."""

    marks: tuple[Mark, ...]
    lines: tuple[str, ...]
    bands: tuple[str, ...]
    bridges: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """Values to y: `top` is where `high` lies, `bottom` where `low` lies."""

    low: float
    high: float
    top: float
    bottom: float

    def at(self, value: float) -> float:
        """Where a value lies; beyond the ends is cut."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.bottom - min(max(share, 0), 1) * (self.bottom - self.top), 1)


def symmetric(
    values: Iterable[Ranged], top: float, bottom: float, step: float = 25, most: float = 100
) -> Scale:
    """A scale round zero that holds all values with their intervals, its ends a multiple of `step`."""
    shown = [one for one in values if one.value is not None]
    reach = max((abs(end) for one in shown for end in (one.low, one.high)), default=step)
    end = min(max(step, step * math.ceil(reach / step)), most)
    return Scale(-end, end, top, bottom)


def curve(values: Sequence[Ranged], xs: Sequence[float], scale: Scale) -> Curve:
    """A line through values at their places, interrupted where a value is hidden."""
    placed = [_mark(one, x, scale) for one, x in zip(values, xs, strict=True)]
    around = zip([None, *placed], [*placed[1:], None], strict=False)
    marks = tuple(
        replace(mark, alone=mark.shown and not any(one and one.shown for one in beside))
        for mark, beside in zip(placed, around, strict=True)
    )
    runs = [list(run) for shown, run in groupby(marks, lambda mark: mark.shown) if shown]
    return Curve(
        marks,
        lines=tuple(smooth([Point(mark.x, mark.y) for mark in run]) for run in runs if len(run) > 1),
        bands=tuple(_band(run) for run in runs if len(run) > 1),
        bridges=tuple(
            smooth([Point(m.x, m.y) for m in (left[-1], right[0])]) for left, right in pairwise(runs)
        ),
    )


def smooth(points: Sequence[Point]) -> str:
    """A path through points, level at each of them, so that between two it stays between their values."""
    first, *_ = points
    return f"M{_n(first.x)} {_n(first.y)}" + "".join(_steps(points))


def _steps(points: Sequence[Point]) -> Iterator[str]:
    for left, right in pairwise(points):
        middle = _n((left.x + right.x) / 2)
        yield f"C{middle} {_n(left.y)} {middle} {_n(right.y)} {_n(right.x)} {_n(right.y)}"


def _mark(one: Ranged, x: float, scale: Scale) -> Mark:
    if one.value is None:
        return Mark(round(x, 1), scale.at(0), scale.at(0), scale.at(0), shown=False)
    return Mark(round(x, 1), scale.at(one.value), scale.at(one.high), scale.at(one.low), shown=True)


def _band(run: Sequence[Mark]) -> str:
    above = smooth([Point(mark.x, mark.top) for mark in run])
    below = smooth([Point(mark.x, mark.bottom) for mark in reversed(run)])
    return f"{above}L{below[1:]}Z"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Trend:
    """A curve over time: its scale, the days beneath it, and what is written at each mark."""

    curve: Curve
    scale: Scale
    ticks: tuple[tuple[float, str], ...]
    titles: tuple[str, ...]
    width: float
    height: float


def trend(
    days: Sequence[date], values: Sequence[Ranged], titles: Sequence[str], *, width: float, height: float
) -> Trend:
    """Values of days in order, at least one, with at most six days named beneath."""
    xs = places(days, 44, width - 30)
    scale = symmetric(values, 10, height - 22)
    every = math.ceil(len(days) / 6)
    form = "%-d %b %Y" if (days[-1] - days[0]).days > 366 else "%-d %b"
    ticks = tuple((xs[k], days[k].strftime(form)) for k in range(0, len(days), every))
    return Trend(curve(values, xs, scale), scale, ticks, tuple(titles), width, height)


def places(days: Sequence[date], left: float, right: float) -> list[float]:
    """Days in order as x, as far apart as they are in time; a single one in the middle."""
    span = (days[-1] - days[0]).days
    if not span:
        return [(left + right) / 2 for _ in days]
    return [round(left + (right - left) * (day - days[0]).days / span, 1) for day in days]


def shade(rate: float | None, strongest: float, steps: int = 6) -> int:
    """Which of `steps` shades a rate has beside the strongest one shown; 0 is none."""
    if not rate or strongest <= 0:
        return 0
    return max(1, min(steps, math.ceil(steps * rate / strongest)))
