"""What `/` shows: the journey as a map with the emotional curve over it, and the same in rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from models import Taxonomy
from service.charts import Ranged, curve, symmetric
from service.highlight import label_name
from service.metrics.journey import real_changes
from service.views.showing import change_shown, evidence_address, place_name, rate_shown, story_address

_WIDTH, _LEFT, _TOP, _BOTTOM = 1180, 40, 34, 214
_WIDE, _NARROW = 72, 34
"""Columns at least this wide have their names level beneath them; narrower ones slanted, down to the other."""


def journey_view(found: Mapping[str, Any], taxonomy: Taxonomy, kept: Mapping[str, str]) -> dict[str, Any]:
    """Rows and map; `kept` is the part of the address that says which days."""
    stops = [_stop(stop, taxonomy, kept) for stop in found["touchpoints"]]
    total = _stop(found["total"], taxonomy, kept)
    changes = [
        change_shown(change, taxonomy) | {"place": place, "name": place_name(place, taxonomy)}
        for place, change in real_changes([found["total"], *found["touchpoints"]])
    ]
    return {
        "stops": stops,
        "total": total,
        "map": _map(stops) if stops else None,
        "changes": changes,
        "period": found["period"],
    }


def _stop(metrics: Mapping[str, Any], taxonomy: Taxonomy, kept: Mapping[str, str]) -> dict[str, Any]:
    place = metrics["touchpoint"]
    changes = [change_shown(one, taxonomy) for one in sorted(metrics["changes"], key=lambda one: one["p"])]
    return {
        "m": metrics,
        "id": place,
        "name": place_name(place, taxonomy),
        "link": story_address(place, **kept),
        "top": {kind: _top(metrics, key, taxonomy, kept) for kind, key in _KINDS},
        "changes": changes,
        "better": sum(one["better"] for one in changes),
        "worse": sum(not one["better"] for one in changes),
    }


_KINDS = (("issue", "issues"), ("strength", "strengths"))


def _top(
    metrics: Mapping[str, Any], key: str, taxonomy: Taxonomy, kept: Mapping[str, str]
) -> dict[str, Any] | None:
    """The label that is surely the most frequent: the one whose interval begins highest."""
    found = [rate_shown(one, metrics) for one in metrics[key] if one["observed"]["count"]]
    found = [one for one in found if one["rate"] is not None]
    if not found:
        return None
    top = max(found, key=lambda one: (one["ci95"][0], one["rate"]))
    link = evidence_address(metrics["touchpoint"], **{key.removesuffix("s"): top["id"]}, **kept)
    return top | {"name": label_name(top["id"], taxonomy), "link": link}


def _map(stops: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The drawing: a column for each touchpoint, wider than a screen where there are many."""
    column = max(_NARROW, (_WIDTH - _LEFT) / len(stops))
    narrow = column < _WIDE
    width = round(_LEFT + column * len(stops))
    values = [_feeling(stop["m"]) for stop in stops]
    scale = symmetric(values, _TOP, _BOTTOM)
    xs = [_LEFT + column * (place + 0.5) for place in range(len(stops))]
    drawn = curve(values, xs, scale)
    letters = 14 if narrow else int(column / 8.4)
    longest = min(letters, max(len(stop["name"]) for stop in stops))
    return {
        # A slanted name of the last column reaches beyond it.
        "width": width + 60 if narrow else width,
        "height": 246 + 5 * longest if narrow else 274,
        "column": round(column, 1),
        "narrow": narrow,
        "fits": column > _NARROW,
        "left": _LEFT,
        "scale": scale,
        "lines": [(scale.at(value), value) for value in (scale.high, 0, scale.low)],
        "curve": drawn,
        "stops": [
            {"stop": stop, "mark": mark, "short": _short(stop["name"], letters)}
            for stop, mark in zip(stops, drawn.marks, strict=True)
        ],
    }


def _feeling(metrics: Mapping[str, Any]) -> Ranged:
    sentiment = metrics["sentiment"]
    if sentiment["net"] is None:
        return Ranged(None)
    return Ranged(sentiment["net"], *sentiment["net_ci95"])


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"
