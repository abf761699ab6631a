"""What a report is about, and all that it shows: the numbers, drawings and verbatims that the pages show as well.

with read(engine) as conn:
    view = gathered(conn, "default", Asked(where=Where("channel", "phone")), rules, order, taxonomy)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.engine import Connection

from models.taxonomy import Taxonomy
from service.listing import Where
from service.metrics import Rules
from service.metrics.journey import Order, journey
from service.metrics.touchpoints import series
from service.metrics.typical import NEWEST, typical
from service.rollup_repository import check_touchpoint
from service.views import story
from service.views.heatmap import heatmap_view
from service.views.journey import journey_view, maps_on_paper
from service.views.report import in_short, reading
from service.views.showing import kinds_of, place_name

MOST = 100
"""Touchpoints in one report, the largest: more of them nobody reads, and the document grows with each."""
_VERBATIMS, _LONGEST = 2, 320
_DRAWN = 380, 150


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which days (UTC, `to_day` exclusive), which touchpoint and which segment; all where nothing is said."""

    from_day: date | None = None
    to_day: date | None = None
    touchpoint: str | None = None
    where: Where | None = None

    @property
    def days(self) -> tuple[date | None, date | None]:
        return self.from_day, self.to_day


def gathered(
    conn: Connection, tenant: str, asked: Asked, rules: Rules, order: Order, taxonomy: Taxonomy
) -> dict[str, Any]:
    """What the template draws. Raises `InputError` "unknown_touchpoint" where no comment ever counted under it."""
    found = _found(conn, tenant, asked, rules, order)
    view = journey_view(found, taxonomy, {})
    total, stops = found["total"], found["touchpoints"]
    shown = view["stops"] or [view["total"]]
    enough = [one for one in stops if one["n"] >= rules.hide_below]
    return {
        **view,
        "asked": asked,
        "place": place_name(asked.touchpoint, taxonomy) if asked.touchpoint else None,
        "left_out": found["left_out"],
        "points": in_short(view),
        "reading": reading(total),
        "maps": maps_on_paper(view["stops"]) if len(stops) > 1 else [],
        "heat": [heatmap_view(enough, total, kind, rules, taxonomy, {}) for kind, _ in kinds_of(taxonomy)],
        **_course(conn, tenant, asked, total, rules),
        "parts": [
            one | {"sides": _sides(conn, tenant, asked, one["m"], taxonomy)}
            for one in shown
            if one["m"]["n"] >= rules.hide_below
        ],
        "too_few": [one for one in shown if 0 < one["m"]["n"] < rules.hide_below],
        "rules": rules,
        "newest": NEWEST,
    }


def _found(conn: Connection, tenant: str, asked: Asked, rules: Rules, order: Order) -> dict[str, Any]:
    """The journey; of one touchpoint that one stands for all and there are no others."""
    if asked.touchpoint is not None:
        check_touchpoint(conn, tenant, asked.touchpoint)
    found = journey(
        conn, tenant, rules, order, from_day=asked.from_day, to_day=asked.to_day, where=asked.where
    )
    stops = found["touchpoints"]
    if asked.touchpoint is not None:
        own = next((one for one in stops if one["touchpoint"] == asked.touchpoint), None)
        alone = {"touchpoints": [], "left_out": 0, "compared": found["compared"] & {asked.touchpoint}}
        return found | alone | {"total": own or _nothing(found["total"])}
    largest = {one["touchpoint"] for one in sorted(stops, key=lambda one: -one["n"])[:MOST]}
    kept = [one for one in stops if one["touchpoint"] in largest]
    return found | {"touchpoints": kept, "left_out": len(stops) - len(kept)}


def _nothing(total: Mapping[str, Any]) -> dict[str, Any]:
    return {**total, "n": 0, "changes": []}


def _course(
    conn: Connection, tenant: str, asked: Asked, total: Mapping[str, Any], rules: Rules
) -> dict[str, Any]:
    """How it went over time. Of a segment there are no daily sums to draw it from."""
    grain = story.grain_of(total)
    if asked.where or not total["n"]:
        return {"grain": grain, "trends": []}
    of_grain = series(
        conn, tenant, total["touchpoint"], rules, grain, from_day=asked.from_day, to_day=asked.to_day
    )
    return {"grain": grain, "trends": story.trends({**total, "series": of_grain}, *_DRAWN)}


def _sides(
    conn: Connection, tenant: str, asked: Asked, metrics: Mapping[str, Any], taxonomy: Taxonomy
) -> Sequence[Mapping[str, Any]]:
    place = metrics["touchpoint"]
    sides = story.sides(
        metrics,
        taxonomy,
        {},
        lambda kind, label: typical(conn, tenant, place, kind, label, asked.days, asked.where),
        verbatims=_VERBATIMS,
        longest=_LONGEST,
    )
    return [side | {"verbatims": list(_each_once(side["verbatims"]))} for side in sides]


def _each_once(verbatims: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """A comment that stands for two labels is read once."""
    told: set[str] = set()
    for one in verbatims:
        if one["record"] is not None and one["record"].id not in told:
            told.add(one["record"].id)
            yield one
