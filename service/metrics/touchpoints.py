"""A touchpoint's numbers as the contract's object, from daily sums.

with read(engine) as conn:
    rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
    overview(conn, "default", rules)
    touchpoint_metrics(conn, "default", "support.phone", rules, grain="week")
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy.engine import Connection

from service.listing import Where
from service.metrics.auditing import audits_of, judge_disagreements
from service.metrics.registry import METRICS
from service.metrics.sums import Rules, model_versions
from service.rollup_repository import Grain, Total, by_period, totals
from service.rollups import WHOLE
from service.segment_repository import totals_where


def touchpoint_metrics(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    rules: Rules,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
    grain: Grain | None = None,
) -> dict[str, Any]:
    """The metrics of one touchpoint, or of "*" (all comments), as the contract's object.

    Days are UTC, `to_day` exclusive. With a `grain` there is one more object in `series` for every period
    that has comments, too few for the audit, so that its estimates are the card's. A touchpoint without
    comments has `n` 0.
    """
    summed = totals(conn, tenant, touchpoint, from_day, to_day)
    audits = audits_of(conn, tenant, rules, from_day, to_day, touchpoint).get(touchpoint, {})
    answer = summary(touchpoint, summed, replace(rules, audits=audits), from_day, to_day)
    judge_disagreements([answer])
    if grain is not None:
        answer["series"] = series(conn, tenant, touchpoint, rules, grain, from_day=from_day, to_day=to_day)
    return answer


def series(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    rules: Rules,
    grain: Grain,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> list[dict[str, Any]]:
    """The metrics of every period that has comments, in order."""
    periods = groupby(by_period(conn, tenant, touchpoint, grain, from_day, to_day), lambda one: one.day)
    return [
        summary(
            touchpoint,
            [Total(place, name, value, start, start) for place, _, name, value in found],
            rules,
            *_clipped((start, _following(start, grain)), from_day, to_day),
        )
        for start, found in periods
    ]


def overview(
    conn: Connection,
    tenant: str,
    rules: Rules,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
    where: Where | None = None,
) -> dict[str, Any]:
    """`touchpoints`: the metrics of all with comments in these days, the largest first; `total`: of "*".

    Of a segment the sums are made from its comments, and estimates are the card's: the audit is of all comments.
    """
    by_place: dict[str, list[Total]] = {WHOLE: []}
    days = from_day, to_day
    found = totals_where(conn, tenant, where, days) if where else totals(conn, tenant, None, *days)
    for one in found:
        by_place.setdefault(one.touchpoint, []).append(one)
    audits = {} if where else audits_of(conn, tenant, rules, from_day, to_day)
    objects = [
        summary(place, found, replace(rules, audits=audits.get(place, {})), from_day, to_day)
        for place, found in by_place.items()
    ]
    judge_disagreements(objects)
    total, *named = objects
    return {"touchpoints": sorted(named, key=lambda o: (-o["n"], o["touchpoint"])), "total": total}


def summary(
    touchpoint: str, found: Iterable[Total], rules: Rules, from_day: date | None, to_day: date | None
) -> dict[str, Any]:
    sums: Counter[str] = Counter()
    days: set[date] = set()
    for one in found:
        sums[one.measure] += one.value
        days |= {one.first, one.last}
    start = from_day or min(days, default=None)
    end = to_day or (max(days) + timedelta(days=1) if days else None)
    return {
        "touchpoint": touchpoint,
        "from": start and start.isoformat(),
        "to": end and end.isoformat(),
        "n": sums["n"],
        "analyzed": sums["analyzed"],
        "not_analyzed": sums["not_analyzed"],
        "no_content": sums["no_content"],
        "model_versions": model_versions(sums),
        **{metric.slug: metric.compute(sums, rules) for metric in METRICS},
        "low_base": sums["n"] < rules.low_base_below,
        "series": [],
        "comparison": None,
    }


def _following(start: date, grain: Grain) -> date:
    """The first day after the period that begins with a day."""
    if grain == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if grain == "week" else 1)


def _clipped(period: tuple[date, date], from_day: date | None, to_day: date | None) -> tuple[date, date]:
    start, end = period
    return max(start, from_day or start), min(end, to_day or end)
