"""What `/` shows: the journey as a map with the emotional curve over it, and the same in rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from models import Taxonomy
from models.taxonomy import Kind
from service.charts import Ranged, Scale, curve, symmetric
from service.highlight import label_name
from service.metrics.journey import real_changes
from service.views.showing import (
    change_shown,
    evidence_address,
    kinds_of,
    most_frequent,
    place_name,
    story_address,
    weighed,
)

_WIDTH, _LEFT, _TOP, _BOTTOM = 1180, 40, 34, 214
_WIDE, _NARROW = 72, 34
"""Columns at least this wide have their names level beneath them; narrower ones slanted, down to the other."""
_PAPER_WIDTH, _PAPER_STOPS = 760, 18


def journey_view(found: Mapping[str, Any], taxonomy: Taxonomy, kept: Mapping[str, str]) -> dict[str, Any]:
    """Rows and map; `kept` is the part of the address that says which days."""
    stops = [_stop(stop, taxonomy, kept) for stop in found["touchpoints"]]
    total = _stop(found["total"], taxonomy, kept)
    changes = [
        change_shown(change, taxonomy)
        | {"place": place, "name": place_name(place, taxonomy), "link": story_address(place, **kept)}
        for place, change in real_changes([found["total"], *found["touchpoints"]])
    ]
    return {
        "stops": stops,
        "total": total,
        "map": _map(stops) if stops else None,
        "changes": changes,
        "period": found["period"],
        "compared": found["compared"],
        "kinds": kinds_of(taxonomy),
    }


def _stop(metrics: Mapping[str, Any], taxonomy: Taxonomy, kept: Mapping[str, str]) -> dict[str, Any]:
    place = metrics["touchpoint"]
    changes = [change_shown(one, taxonomy) for one in sorted(metrics["changes"], key=lambda one: one["p"])]
    return {
        "m": metrics,
        "id": place,
        "name": place_name(place, taxonomy),
        "link": story_address(place, **kept),
        "top": {kind: _top(metrics, kind, key, taxonomy, kept) for kind, key in kinds_of(taxonomy)},
        "changes": changes,
        **weighed(changes),
    }


def _top(
    metrics: Mapping[str, Any], kind: Kind, key: str, taxonomy: Taxonomy, kept: Mapping[str, str]
) -> dict[str, Any] | None:
    found = most_frequent(metrics, key)
    if not found:
        return None
    top = found[0]
    link = evidence_address(metrics["touchpoint"], **{kind: top["id"]}, **kept)
    return top | {"name": label_name(top["id"], taxonomy), "link": link}


def maps_on_paper(stops: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same on paper: in as many rows as it takes, all on one scale."""
    rows = math.ceil(len(stops) / _PAPER_STOPS)
    each = math.ceil(len(stops) / rows) if rows else 1
    scale = symmetric([_feeling(stop["m"]) for stop in stops], _TOP, _BOTTOM)
    return [_map(stops[k : k + each], _PAPER_WIDTH, scale) for k in range(0, len(stops), each)]


def _map(
    stops: Sequence[Mapping[str, Any]], wide: float = _WIDTH, scale: Scale | None = None
) -> dict[str, Any]:
    """The drawing: a column for each touchpoint, wider than a screen where there are many."""
    column = max(_NARROW, (wide - _LEFT) / len(stops))
    narrow = column < _WIDE
    width = round(_LEFT + column * len(stops))
    values = [_feeling(stop["m"]) for stop in stops]
    scale = scale or symmetric(values, _TOP, _BOTTOM)
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
            {"stop": stop, "mark": mark, "short": short_name(stop["name"], letters)}
            for stop, mark in zip(stops, drawn.marks, strict=True)
        ],
    }


def _feeling(metrics: Mapping[str, Any]) -> Ranged:
    sentiment = metrics["sentiment"]
    if sentiment["net"] is None:
        return Ranged(None)
    return Ranged(sentiment["net"], *sentiment["net_ci95"])


def short_name(name: str, letters: int) -> str:
    """What fits of a name: of `support.phone` its own part, which tells it from its neighbour `support.chat`."""
    own = "…" + name.rpartition(".")[2]
    if "." in name and len(own) <= letters < len(name):
        return own
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"
