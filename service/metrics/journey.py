"""The customer's journey: touchpoints in their order, their numbers, and what is better or worse than before.

with read(engine) as conn:
    found = journey(conn, "default", rules, Order(("order", "delivery"), taxonomy_ids))
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from models.taxonomy import Taxonomy
from service.listing import Where
from service.metrics.comparison import compared
from service.metrics.sums import Rules, is_better
from service.metrics.touchpoints import overview
from service.rollup_repository import first_days, two_spans
from service.rollups import WHOLE
from service.segment_repository import totals_where
from service.settings import Settings

Pairs = Mapping[str, tuple[Counter[str], Counter[str]]]
"""The sums of each touchpoint now and before."""
PERIOD_DAYS = 28
"""What is compared with as many days before where nobody says which days: whole weeks, so that weekdays cancel."""


@dataclass(frozen=True)
class Order:
    """How touchpoints follow each other: those `named`, then those `known` to the taxonomy, then all others.

    A touchpoint below another one (`support.phone` below `support`) stands with it; others come by the day of
    their first comment, on one day by id.
    """

    named: tuple[str, ...]
    known: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings, taxonomy: Taxonomy) -> "Order":
        """The order of the setting, then the taxonomy's."""
        return cls(settings.journey, tuple(one.key for one in taxonomy.touchpoints))

    def sort(self, first: Mapping[str, date]) -> list[str]:
        """Touchpoints, each with the day of its first comment, in the order of the journey."""
        return sorted(first, key=lambda id: (*self._place(id), first[id], id))

    def _place(self, id: str) -> tuple[int, int, bool]:
        root = id.split(".")[0]
        for group, ids in enumerate((self.named, self.known)):
            for one in (id, root):
                if one in ids:
                    # Before those below it stands what they are below.
                    return group, ids.index(one), one != id
        return 2, 0, False


@dataclass(frozen=True)
class Period:
    """The days that are looked at, and the as many days before that they are compared with; ends exclusive."""

    start: date
    end: date

    @property
    def last(self) -> date:
        """The last day of those looked at."""
        return self.end - timedelta(days=1)

    @property
    def before(self) -> date:
        """The first day of those before."""
        return self.start - (self.end - self.start)


def journey(
    conn: Connection,
    tenant: str,
    rules: Rules,
    order: Order,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
    where: Where | None = None,
) -> dict[str, Any]:
    """`total` and `touchpoints` as `overview` has them, in order, each with `changes`; and the `period` compared.

    `compared` are those that have comments enough on both sides.

    A change is a real difference, with false discoveries controlled over all touchpoints and metrics together;
    it is `better`, or it is worse, or (None) more or less of a category.
    """
    metrics = overview(conn, tenant, rules, from_day=from_day, to_day=to_day, where=where)
    first = first_days(conn, tenant)
    total = metrics["total"]
    period = period_of(from_day, to_day, total["to"])
    pairs = _pairs(conn, tenant, where, period) if period else {}
    changes = _changes(pairs, rules)
    by_id = {one["touchpoint"]: one for one in metrics["touchpoints"]}
    stops = [by_id[id] for id in order.sort(first) if id in by_id]
    return {
        "period": period,
        "compared": {
            place for place, (new, old) in pairs.items() if min(new["n"], old["n"]) >= rules.low_base_below
        },
        "total": total | {"changes": changes.get(WHOLE, [])},
        "touchpoints": [stop | {"changes": changes.get(stop["touchpoint"], [])} for stop in stops],
        "empty": not first,
    }


def period_of(from_day: date | None, to_day: date | None, last: str | None) -> Period | None:
    """The days asked for; where an end is open the last `PERIOD_DAYS` of them. None without any comment."""
    end = to_day or (date.fromisoformat(last) if last else None)
    if end is None or end.toordinal() <= 2 * PERIOD_DAYS:
        return None
    start = from_day if from_day and to_day else end - timedelta(days=PERIOD_DAYS)
    if from_day is not None:
        start = max(start, from_day)
    if start >= end or 2 * start.toordinal() <= end.toordinal():
        return None
    return Period(start, end)


def _changes(pairs: Pairs, rules: Rules) -> dict[str, list[dict[str, Any]]]:
    return {
        place: [
            one | {"better": is_better(one["metric"], more=one["difference"] > 0)}
            for one in found
            if one["real"]
        ]
        for place, found in compared(pairs, rules).items()
    }


def _pairs(conn: Connection, tenant: str, where: Where | None, period: Period) -> Pairs:
    """As `two_spans` has them, also of a segment's comments."""
    new, old = (period.start, period.end), (period.before, period.start)
    if where is None:
        return two_spans(conn, tenant, new, old)
    pairs: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for place, days in enumerate((new, old)):
        for one in totals_where(conn, tenant, where, days):
            pairs.setdefault(one.touchpoint, (Counter(), Counter()))[place][one.measure] += one.value
    return pairs


def real_changes(stops: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """All changes with the touchpoint of each, the surest first."""
    found = [(stop["touchpoint"], change) for stop in stops for change in stop["changes"]]
    return sorted(found, key=lambda one: one[1]["p"])
