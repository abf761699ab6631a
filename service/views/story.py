"""What a touchpoint's page tells: how it went, what it goes with, what is good and bad, in whose words."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from models import Taxonomy
from models.taxonomy import Kind
from service.charts import Ranged, Scale, places, trend
from service.corrections.in_force import GROUP_OF
from service.highlight import evidence_of, excerpt, label_name, marked
from service.metrics import Grain
from service.metrics.sums import is_better
from service.records import StoredComment
from service.statistics.drivers import MIN_SUPPORT
from service.views.showing import evidence_address, kinds_of, place_name, rate_shown

_WIDTH, _HEIGHT = 640, 170
_MOST_POINTS, _FOR_EACH_POINT = 62, 12
# An impact is a difference of two values of the score.
_POSSIBLE = {"nps": 200, "csat": 1, "ces": 6}
_DRIVERS = 6


def grain_of(metrics: Mapping[str, Any]) -> Grain:
    """How finely a trend is divided: to no more than some sixty points, and a dozen comments for each of them."""
    if not metrics["n"]:
        return "day"
    days = (date.fromisoformat(metrics["to"]) - date.fromisoformat(metrics["from"])).days
    points = min(_MOST_POINTS, metrics["n"] / _FOR_EACH_POINT)
    return "day" if days <= points else "week" if days <= 7 * points else "month"


def trends(
    metrics: Mapping[str, Any], width: float = _WIDTH, height: float = _HEIGHT
) -> list[dict[str, Any]]:
    """One drawing for each score that enough answered in at least two periods, and one of how many there were."""
    series = _with_gaps(metrics["series"])
    days = [day for day, _ in series]
    drawn = []
    for slug, key, title in (("sentiment", "net", "Net sentiment"), ("nps", "value", "NPS")):
        values = [_ranged(one[slug], key) if one else Ranged(None) for _, one in series]
        if sum(value.value is not None for value in values) > 1:
            titles = [_title(day, value, one) for (day, one), value in zip(series, values, strict=True)]
            drawn.append({"title": title, "trend": trend(days, values, titles, width=width, height=height)})
    return drawn


def _with_gaps(series: Sequence[Mapping[str, Any]]) -> list[tuple[date, Mapping[str, Any] | None]]:
    """The periods by their first day, and None from the day on from which there are no comments."""
    found: list[tuple[date, Mapping[str, Any] | None]] = []
    end = date.max
    for one in series:
        start = date.fromisoformat(one["from"])
        if end < start:
            found.append((end, None))
        found.append((start, one))
        end = date.fromisoformat(one["to"])
    return found


def volume(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Bars of how many comments there were."""
    series = metrics["series"]
    if len(series) < 2:
        return None
    days = [date.fromisoformat(one["from"]) for one in series]
    most = max(one["n"] for one in series)
    scale = Scale(0, most, 8, 68)
    xs = places(days, 44, _WIDTH - 30)
    gaps = [right - left for left, right in pairwise(xs)]
    thick = round(max(2.0, min(26.0, 0.7 * min(gaps))), 1)
    bars = [
        {"x": round(x - thick / 2, 1), "y": scale.at(one["n"]), "n": one["n"], "day": day}
        for x, one, day in zip(xs, series, days, strict=True)
    ]
    return {"bars": bars, "thick": thick, "most": most, "base": 68, "width": _WIDTH, "height": 76}


def _ranged(score: Mapping[str, Any], key: str) -> Ranged:
    ends = score["net_ci95"] if key == "net" else score["ci95"]
    return Ranged(None) if score[key] is None else Ranged(score[key], *ends)


def _title(day: date, value: Ranged, one: Mapping[str, Any] | None) -> str:
    if one is None:
        return f"{day:%-d %b %Y}: no comments"
    if value.value is None:
        return f"{day:%-d %b %Y}: too few, n {one['n']}"
    return f"{day:%-d %b %Y}: {value.value:+.0f} ({value.low:+.0f} to {value.high:+.0f}), n {one['n']}"


def sides(
    metrics: Mapping[str, Any],
    taxonomy: Taxonomy,
    kept: Mapping[str, str],
    spoken: Callable[[Kind, str], StoredComment | None],
    *,
    verbatims: int = 3,
    longest: int | None = None,
) -> list[dict[str, Any]]:
    """Issues and strengths, or categories, the most frequent first, the first few each with a typical comment.

    One of more than `longest` code points is cut to those about its first evidence.
    """
    found = []
    for kind, key in kinds_of(taxonomy):
        rates = [rate_shown(one, metrics) for one in metrics[key]]
        seen = [
            one
            | {
                "name": label_name(one["id"], taxonomy),
                "link": evidence_address(metrics["touchpoint"], **{kind: one["id"]}, **kept),
            }
            for one in rates
            if one["count"]
        ]
        found.append(
            {
                "kind": kind,
                "key": key,
                "title": key.capitalize(),
                "rates": seen,
                "absent": [label_name(one["id"], taxonomy) for one in rates if not one["count"]],
                "verbatims": [
                    _verbatim(one, spoken(kind, one["id"]), taxonomy, longest) for one in seen[:verbatims]
                ],
            }
        )
    return found


def _verbatim(
    label: Mapping[str, Any], stored: StoredComment | None, taxonomy: Taxonomy, longest: int | None
) -> dict[str, Any]:
    if stored is None:
        return {"label": label, "text": None, "record": None}
    marks = [one for one in evidence_of(stored.counted, taxonomy) if one.name == label["name"]]
    return {
        "label": label,
        "text": marked(*excerpt(stored.record.text, marks, longest)),
        "record": stored.record,
    }


def drivers_view(found: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """The labels that a score surely goes with, the furthest from zero first, drawn on one scale."""
    judged = [_driver(one, found["metric"], taxonomy) for one in found["labels"]]
    real = [one for one in judged if one["ci95"] and (one["ci95"][0] > 0 or one["ci95"][1] < 0)]
    real.sort(key=lambda one: -abs(one["value"]))
    associated, unclear = len(real), sum(one["ci95"] is not None for one in judged) - len(real)
    real = real[:_DRIVERS]
    reach = max((abs(end) for one in real for end in one["ci95"]), default=1.0)
    scale = _Across(reach)
    return {
        "metric": found["metric"],
        "n": found["n"],
        "rows": [
            one
            | {
                "low": scale.at(one["ci95"][0]),
                "high": scale.at(one["ci95"][1]),
                "at": scale.at(one["value"]),
            }
            for one in real
        ],
        "zero": scale.at(0),
        "associated": associated,
        "unclear": unclear,
        "measured": any(one["ci95"] for one in judged),
        "least": MIN_SUPPORT,
    }


class _Across:
    """A scale from left to right round zero."""

    def __init__(self, reach: float) -> None:
        self.reach = reach

    def at(self, value: float) -> float:
        return round(120 + 112 * value / self.reach, 1)


def _driver(one: Mapping[str, Any], metric: str, taxonomy: Taxonomy) -> dict[str, Any]:
    """One label's impact: corrected, unless so few comments are corrected that it may be more than there can be."""
    corrected = one["corrected"]
    if corrected and max(map(abs, corrected["ci95"])) > _POSSIBLE[metric]:
        corrected = None
    used = corrected or one["observed"]
    return {
        "id": one["id"],
        "name": label_name(one["id"], taxonomy),
        "n": one["n"],
        "value": used["value"] if used else None,
        "ci95": used["ci95"] if used else None,
        "attenuated": corrected is None,
    }


def alerts_view(alerts: Sequence[Mapping[str, Any]], taxonomy: Taxonomy, until: date) -> list[dict[str, Any]]:
    """Alerts as of the evening before `until`, with the address of the comments behind each."""
    return [
        {
            **one,
            "name": label_name(one["label"], taxonomy),
            "place": place_name(one["touchpoint"], taxonomy),
            "better": is_better(GROUP_OF[one["polarity"]], more=one["direction"] == "up"),
            "link": evidence_address(
                one["touchpoint"],
                **{one["polarity"]: one["label"]},
                from_=one["since"],
                to=until.isoformat(),
            ),
            "last": until - timedelta(days=1),
        }
        for one in alerts
    ]
