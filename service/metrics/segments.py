"""The numbers of segments: by channel, by language or by any field of the metadata, each against all the others.

with read(engine) as conn:
    by_segment(conn, "default", "*", "metadata.region", rules)
"""

from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy.engine import Connection

from service.metrics.comparison import compared, counted
from service.metrics.sums import Rules
from service.metrics.touchpoints import summary
from service.rollup_repository import Total
from service.segment_repository import Segment, segments

MOST = 50
"""Segments that are shown, the largest ones."""
SAMPLE = 3_000
"""Comments that are counted at most, but for chance: their intervals say how little the others would change."""


def by_segment(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    field: str,
    rules: Rules,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[str, Any]:
    """The numbers of every value of a field, the largest first, and what differs from all other comments.

    Fields are as many as clients like, so there are no sums of them: of more than `SAMPLE` comments a sample is
    counted, and `sampled_from` says of how many.
    """
    there = counted(conn, tenant, touchpoint, from_day, to_day)["n"]
    share = SAMPLE / there if there > SAMPLE else 1.0
    found = segments(conn, tenant, touchpoint, field, (from_day, to_day), share)
    whole: Counter[str] = Counter()
    for segment in found:
        whole.update(segment.sums)
    shown = found[:MOST]
    rest = {str(place): (one.sums, _without(whole, one.sums)) for place, one in enumerate(shown)}
    differences = compared(rest, rules)
    return {
        "by": field,
        "touchpoint": touchpoint,
        "n": whole["n"],
        "sampled_from": there if share < 1 else None,
        "segments": [
            {
                "value": one.value,
                "metrics": summary(touchpoint, _totals(touchpoint, one), rules, from_day, to_day),
                "differences": differences[str(place)],
            }
            for place, one in enumerate(shown)
        ],
        "not_shown": len(found) - len(shown),
    }


def _without(whole: Counter[str], part: Counter[str]) -> Counter[str]:
    # Not `-`: that would drop sums below zero. A model that tagged none of them is not among them.
    left = {name: value - part[name] for name, value in whole.items()}
    return Counter({name: value for name, value in left.items() if value})


def _totals(touchpoint: str, segment: Segment) -> list[Total]:
    return [
        Total(touchpoint, name, value, segment.first, segment.last)
        for name, value in segment.sums.items()
        if value
    ]
