"""What differs between two periods or segments, and which of all the differences shown are more than chance.

compared({"": (new_sums, old_sums)}, rules)[""]          a list of differences for every pair of sums
with_previous(conn, "default", "support.phone", rules, date(2026, 10, 1), date(2026, 11, 1))
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.engine import Connection

from service.metrics.registry import METRICS
from service.metrics.sums import Rules, Sums
from service.metrics.values import rounded
from service.rollup_repository import totals
from service.statistics import discoveries


def compared(pairs: Mapping[str, tuple[Sums, Sums]], rules: Rules) -> dict[str, list[dict[str, Any]]]:
    """The differences of every pair, first less second, in the order of the registry.

    `real` says which may be called so, with false discoveries controlled over all pairs and metrics together; a
    pair with fewer than `low_base_below` comments on either side is shown and never called real.
    """
    found = [
        (name, metric, label, difference, min(new["n"], old["n"]) >= rules.low_base_below)
        for name, (new, old) in pairs.items()
        for metric in METRICS
        for label, difference in metric.compare(new, old, rules).items()
    ]
    real = iter(discoveries([difference.p for *_, difference, enough in found if enough]))
    answer: dict[str, list[dict[str, Any]]] = {name: [] for name in pairs}
    for name, metric, label, difference, enough in found:
        answer[name].append(
            {
                "metric": metric.slug,
                "label": label or None,
                "difference": rounded(difference.value, metric.digits),
                "ci95": [rounded(end, metric.digits) for end in (difference.low, difference.high)],
                "p": float(f"{difference.p:.2g}"),
                "real": enough and next(real),
            }
        )
    return answer


def with_previous(
    conn: Connection, tenant: str, touchpoint: str, rules: Rules, from_day: date, to_day: date
) -> dict[str, Any]:
    """The days from `from_day` to before `to_day` against as many days before them."""
    before = from_day - (to_day - from_day)
    new, old = (counted(conn, tenant, touchpoint, *days) for days in ((from_day, to_day), (before, from_day)))
    return {
        "from": before.isoformat(),
        "to": from_day.isoformat(),
        "n": old["n"],
        "differences": compared({"": (new, old)}, rules)[""],
    }


def counted(
    conn: Connection, tenant: str, touchpoint: str, from_day: date | None, to_day: date | None
) -> Sums:
    """The sums of one touchpoint over a range of days."""
    return Counter({one.measure: one.value for one in totals(conn, tenant, touchpoint, from_day, to_day)})
