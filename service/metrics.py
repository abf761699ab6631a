"""What a touchpoint's numbers are: a registry of metrics, and the contract's object made of them.

    with read(engine) as conn:
        rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
        overview(conn, "default", rules)
        touchpoint_metrics(conn, "default", "support.phone", rules, grain="week")

Everything is computed from daily sums (`rollups`). A value from fewer answers than `hide_below` is null, its
count is shown. Scores in points have one decimal, means three, rates four.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy.engine import Connection

from models.taxonomy import Taxonomy
from service import statistics
from service.rollup_repository import Total, measures, totals
from service.rollups import LABEL, MODEL, SCALE, WHOLE
from service.settings import Settings
from service.statistics import Estimate

Grain = Literal["day", "week", "month"]
Sums = Mapping[str, int]
# Both ends of the effort scale together: 8 minus an answer is the same answer on the scale turned over.
_CES_ENDS = 1 + 7


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the numbers are judged by.

    `errors` are the error counts of the model `model_version`, by label (see `statistics.adjusted_rate`).
    """

    issues: tuple[str, ...]
    strengths: tuple[str, ...]
    hide_below: int
    low_base_below: int
    ces_easiest: Literal[1, 7]
    model_version: str
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        settings: Settings,
        taxonomy: Taxonomy,
        model_version: str,
        errors: Mapping[str, Mapping[str, int]],
    ) -> "Rules":
        """From the settings and the loaded model."""
        return cls(
            issues=tuple(theme.issue.id for theme in taxonomy.themes),
            strengths=tuple(theme.strength.id for theme in taxonomy.themes),
            hide_below=settings.hide_below,
            low_base_below=settings.low_base_below,
            ces_easiest=settings.ces_easiest,
            model_version=model_version,
            errors=errors,
        )


@dataclass(frozen=True)
class Metric:
    """One entry of the registry: `slug` is its name in the answer, `measures` the sums it is made of."""

    slug: str
    title: str
    unit: str
    measures: tuple[str, ...]
    compute: Callable[[Sums, Rules], Any]


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
    that has comments. A touchpoint without comments has `n` 0.
    """
    summed = totals(conn, tenant, touchpoint, from_day, to_day)
    answer = _summary(touchpoint, summed, rules, from_day, to_day)
    if grain is not None:
        daily = measures(conn, tenant, touchpoint, from_day, to_day)
        periods: dict[date, list[Total]] = defaultdict(list)
        for place, day, name, value in daily:
            periods[_period(day, grain)[0]].append(Total(place, name, value, day, day))
        answer["series"] = [
            _summary(touchpoint, found, rules, *_clipped(_period(start, grain), from_day, to_day))
            for start, found in periods.items()
        ]
    return answer


def overview(
    conn: Connection,
    tenant: str,
    rules: Rules,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[str, Any]:
    """`touchpoints`: the metrics of all with comments in these days, the largest first; `total`: of "*"."""
    by_place: dict[str, list[Total]] = {WHOLE: []}
    for one in totals(conn, tenant, None, from_day, to_day):
        by_place.setdefault(one.touchpoint, []).append(one)
    objects = [_summary(place, found, rules, from_day, to_day) for place, found in by_place.items()]
    total, *named = objects
    return {"touchpoints": sorted(named, key=lambda o: (-o["n"], o["touchpoint"])), "total": total}


def _summary(
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
        "model_versions": _model_versions(sums),
        **{metric.slug: metric.compute(sums, rules) for metric in METRICS},
        "low_base": sums["n"] < rules.low_base_below,
        "series": [],
    }


def _model_versions(sums: Sums) -> dict[str, int]:
    return {name.removeprefix(MODEL): count for name, count in sorted(sums.items()) if name.startswith(MODEL)}


def _nps(sums: Sums, rules: Rules) -> dict[str, Any]:
    sides = (sums["nps_promoters"], sums["nps_passives"], sums["nps_detractors"])
    n = sum(sides)
    return {**_shown("value", statistics.nps(*sides) if n >= rules.hide_below else None, 1), "n": n}


def _csat(sums: Sums, rules: Rules) -> dict[str, Any]:
    n = sums["csat_n"]
    rate = statistics.wilson(sums["csat_satisfied"], n) if n >= rules.hide_below else None
    return {**_shown("value", rate, 4), "n": n}


def _ces(sums: Sums, rules: Rules) -> dict[str, Any]:
    n, total, squares = sums["ces_n"], sums["ces_sum"], sums["ces_sum_squares"]
    if rules.ces_easiest == 1:
        total, squares = _CES_ENDS * n - total, _CES_ENDS**2 * n - 2 * _CES_ENDS * total + squares
    mean = statistics.mean(n, total, squares).within(1, 7) if n >= rules.hide_below else None
    return {**_shown("mean", mean, 3), "n": n}


def _sentiment(sums: Sums, rules: Rules) -> dict[str, Any]:
    n = sums["sentiment_n"]
    if n < rules.hide_below:
        return {"mean": None, "net": None, "n": n}
    net = (sums["sentiment_positive"] - sums["sentiment_negative"]) / n
    return {"mean": _round(sums["sentiment_sum"] / SCALE / n, 3), "net": _round(100 * net, 1), "n": n}


def _empathy(sums: Sums, rules: Rules) -> dict[str, Any]:
    n, analyzed = sums["empathy_n"], sums["analyzed"]
    return {
        "index": _round(100 * sums["empathy_sum"] / SCALE / n, 1) if n >= rules.hide_below else None,
        "n": n,
        "coverage": _round(n / analyzed, 4) if analyzed >= rules.hide_below else None,
    }


def _issues(sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    return _labels(rules.issues, sums, rules)


def _strengths(sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    return _labels(rules.strengths, sums, rules)


METRICS = (
    Metric(
        "nps",
        "Net Promoter Score: share of 9 and 10 minus share of 0 to 6",
        "points, -100 to 100",
        ("nps_promoters", "nps_passives", "nps_detractors"),
        _nps,
    ),
    Metric("csat", "Satisfied: share of 4 and 5", "rate, 0 to 1", ("csat_n", "csat_satisfied"), _csat),
    Metric("ces", "Ease, mean", "1 to 7, 7 is easiest", ("ces_n", "ces_sum", "ces_sum_squares"), _ces),
    Metric(
        "sentiment",
        "Sentiment: mean score, and share positive minus share negative",
        "mean -1 to 1; net in points, -100 to 100",
        ("sentiment_n", "sentiment_sum", "sentiment_positive", "sentiment_negative"),
        _sentiment,
    ),
    Metric(
        "empathy",
        "Perceived empathy: mean score where it is expressed, and how often it is",
        "index in points, -100 to 100; coverage 0 to 1",
        ("empathy_n", "empathy_sum", "analyzed"),
        _empathy,
    ),
    Metric(
        "issues",
        "Share of analysed comments with an issue",
        "rate, 0 to 1",
        ("analyzed", "no_content"),
        _issues,
    ),
    Metric(
        "strengths",
        "Share of analysed comments with a strength",
        "rate, 0 to 1",
        ("analyzed", "no_content"),
        _strengths,
    ),
)
"""All metrics of a touchpoint, in the order of the answer."""


def _labels(ids: tuple[str, ...], sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    """One entry for every label of the taxonomy, the most frequent first."""
    return [
        {"id": label, "observed": _observed(label, sums, rules), "estimated": _estimated(label, sums, rules)}
        for label in sorted(ids, key=lambda label: -sums[LABEL + label])
    ]


def _observed(label: str, sums: Sums, rules: Rules) -> dict[str, Any]:
    count, analyzed = sums[LABEL + label], sums["analyzed"]
    rate = statistics.wilson(count, analyzed) if analyzed >= rules.hide_below else None
    return {"count": count, **_shown("rate", rate, 4)}


def _estimated(label: str, sums: Sums, rules: Rules) -> dict[str, Any] | None:
    """The tagger can err only where there is content; comments without any surely have no label."""
    analyzed, read = sums["analyzed"], sums["analyzed"] - sums["no_content"]
    errors = rules.errors.get(label)
    known = set(_model_versions(sums)) == {rules.model_version}
    if errors is None or not known or read < rules.hide_below:
        return None
    rate = statistics.adjusted_rate(sums[LABEL + label], read, errors)
    if rate is None:
        return None
    return {**_shown("rate", rate.times(read / analyzed), 4), "method": "rogan_gladen"}


def _shown(name: str, estimate: Estimate | None, digits: int) -> dict[str, Any]:
    if estimate is None:
        return {name: None, "ci95": None}
    ends = [_round(estimate.low, digits), _round(estimate.high, digits)]
    return {name: _round(estimate.value, digits), "ci95": ends}


def _round(value: float, digits: int) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(value, digits) + 0.0


def _period(day: date, grain: Grain) -> tuple[date, date]:
    """The first day of the day's period and the first day after it; weeks begin on Monday (ISO 8601)."""
    if grain == "day":
        return day, day + timedelta(days=1)
    if grain == "week":
        start = day - timedelta(days=day.weekday())
        return start, start + timedelta(days=7)
    start = day.replace(day=1)
    return start, (start + timedelta(days=31)).replace(day=1)


def _clipped(period: tuple[date, date], from_day: date | None, to_day: date | None) -> tuple[date, date]:
    start, end = period
    return max(start, from_day or start), min(end, to_day or end)
