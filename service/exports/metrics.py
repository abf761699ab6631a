"""The metrics of touchpoints as one tidy table: a row for each number, with the values of the API.

for row in rows(engine, "default", rules, AskedMetrics(grain="week")): ...
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

import models
from service.database import read
from service.exports.tables import Column, Row
from service.metrics import METRICS, Grain, Rules, overview, touchpoint_metrics
from service.metrics.segments import by_segment
from service.metrics.tidy import counts
from service.metrics.touchpoints import series
from service.rollup_repository import check_touchpoint, touchpoints
from service.rollups import WHOLE

COLUMNS = (
    Column("touchpoint", "text", 'The touchpoint; "*" is all comments.'),
    Column("period_from", "day", "First day (UTC)."),
    Column("period_to", "day", "The day after the last one."),
    Column("segment_field", "text", "What comments are parted by; empty where they are not."),
    Column("segment_value", "text", "Their value in it; empty for those without."),
    Column("metric", "text", "Its name, like nps, csat, ces, sentiment_net, issue, comments."),
    Column("label", "text", "The issue, strength or category where the metric is one."),
    Column("value", "number", "Points, a share of 0 to 1, a mean or a count; empty where too few answered."),
    Column("low", "number", "Where its 95 % interval begins."),
    Column("high", "number", "Where it ends."),
    Column("n", "whole", "Answers or comments that it rests on."),
    Column("count", "whole", "Comments counted, where something is; also where the value is hidden."),
    Column(
        "method",
        "text",
        "How it was made: tags are as counted, rogan_gladen and prediction_powered corrected.",
    ),
    Column("low_base", "truth", "Whether the touchpoint has too few comments to trust its numbers."),
    Column(
        "sampled_from",
        "whole",
        "Comments of all segments that a sample was counted of; empty where all were.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class AskedMetrics:
    """Which days, which touchpoint (all where none is named), and by period or by a field, not both."""

    from_day: date | None = None
    to_day: date | None = None
    touchpoint: str | None = None
    grain: Grain | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        if self.grain and self.by:
            raise models.InputError("by: not together with grain", code="invalid_value")


def rows(engine: sa.Engine, tenant: str, rules: Rules, asked: AskedMetrics) -> Iterator[Row]:
    """All numbers. Raises `InputError` "unknown_touchpoint" before the first of them."""
    with read(engine) as conn:
        check_touchpoint(conn, tenant, asked.touchpoint or WHOLE)
        known = touchpoints(conn, tenant)
    if asked.by is not None:
        yield from _by_segment(engine, tenant, rules, asked, asked.by)
    elif asked.grain is not None:
        for place in [asked.touchpoint] if asked.touchpoint else [WHOLE, *known]:
            yield from _by_period(engine, tenant, rules, asked, place, asked.grain)
    else:
        yield from _whole(engine, tenant, rules, asked)


def _whole(engine: sa.Engine, tenant: str, rules: Rules, asked: AskedMetrics) -> Iterator[Row]:
    days: dict[str, Any] = {"from_day": asked.from_day, "to_day": asked.to_day}
    with read(engine) as conn:
        if asked.touchpoint is not None:
            answers = [touchpoint_metrics(conn, tenant, asked.touchpoint, rules, **days)]
        else:
            found = overview(conn, tenant, rules, **days)
            answers = [found["total"], *found["touchpoints"]]
    return _tidy(answers)


def _by_period(
    engine: sa.Engine, tenant: str, rules: Rules, asked: AskedMetrics, place: str, grain: Grain
) -> Iterator[Row]:
    # One touchpoint at a time: the days of all of them together may be many.
    with read(engine) as conn:
        found = series(conn, tenant, place, rules, grain, from_day=asked.from_day, to_day=asked.to_day)
    return _tidy(found)


def _by_segment(engine: sa.Engine, tenant: str, rules: Rules, asked: AskedMetrics, by: str) -> Iterator[Row]:
    place = asked.touchpoint or WHOLE
    with read(engine) as conn:
        found = by_segment(conn, tenant, place, by, rules, from_day=asked.from_day, to_day=asked.to_day)
    for segment in found["segments"]:
        yield from _tidy([segment["metrics"]], by, segment["value"], sampled_from=found["sampled_from"])


def _tidy(
    answers: Iterable[Mapping[str, Any]],
    field: str | None = None,
    value: Any = None,
    *,
    sampled_from: int | None = None,
) -> Iterator[Row]:
    for answer in answers:
        about = {
            "touchpoint": answer["touchpoint"],
            "period_from": _day(answer["from"]),
            "period_to": _day(answer["to"]),
            "segment_field": field,
            "segment_value": value if value is None or isinstance(value, str) else json.dumps(value),
            "low_base": answer["low_base"],
            "sampled_from": sampled_from,
        }
        for read_figures in (counts, *(metric.figures for metric in METRICS)):
            for figure in read_figures(answer):
                yield about | asdict(figure)


def _day(day: str | None) -> date | None:
    return date.fromisoformat(day) if day else None
