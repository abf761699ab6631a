"""What every touchpoint's numbers would be under another model, on the same stored comments. Nothing is stored.

    impact = Impact(in_force, other, shown=20)
    for batch in ...: impact.add(batch)
    impact.report()

What people said stays in force under either model, as it would after a promotion.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

import models
from service import repository
from service.analyse import Tagger, comment_of
from service.corrections.in_force import GROUPS, in_force
from service.database import read
from service.metrics import Rules
from service.metrics.touchpoints import summary
from service.records import StoredComment
from service.rollup_repository import Total
from service.rollups import WHOLE, RollupKey, contribution, touchpoints_of

BATCH = 256


@dataclass(frozen=True)
class Side:
    """One of the two models."""

    version: str
    tagger: Tagger
    rules: Rules


class Impact:
    """Comments added so far, as both models would have them; `shown` of those that change their tags are kept."""

    def __init__(self, a: Side, b: Side, *, shown: int = 20) -> None:
        self._shown = shown
        self._a, self._b = a, b
        self._sums: tuple[Counter[RollupKey], Counter[RollupKey]] = (Counter(), Counter())
        self._changed: Counter[str] = Counter()
        self._labels: dict[str, Counter[str]] = {"gained": Counter(), "lost": Counter()}
        self._moved: list[dict[str, Any]] = []
        self._comments = 0

    def add(self, batch: Sequence[StoredComment]) -> None:
        """Read comments with both; what the first has read before is taken from the store."""
        pairs = zip(_as_read(batch, self._a), _as_read(batch, self._b), strict=True)
        for stored, (a, b) in zip(batch, pairs, strict=True):
            self._comments += 1
            for sums, counted in zip(self._sums, (a, b), strict=True):
                # Not `+=`: that would drop sums below zero.
                sums.update(contribution(stored.record, counted))
            self._compare(stored, a, b)

    def report(self) -> dict[str, Any]:
        """Numbers of every touchpoint under both, and comments that change their tags."""
        under_a, under_b = (_by_place(sums) for sums in self._sums)
        places = sorted({*under_a, *under_b, WHOLE}, key=lambda place: (place != WHOLE, place))
        return {
            "a": self._a.version,
            "b": self._b.version,
            "comments": self._comments,
            "changed": self._changed[WHOLE],
            "labels": {name: dict(sorted(found.items())) for name, found in self._labels.items()},
            "touchpoints": [
                {
                    "touchpoint": place,
                    "changed": self._changed[place],
                    "a": summary(place, under_a.get(place, []), self._a.rules, None, None),
                    "b": summary(place, under_b.get(place, []), self._b.rules, None, None),
                }
                for place in places
            ],
            "examples": self._moved,
        }

    def _compare(self, stored: StoredComment, a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
        before, after = _labels(a), _labels(b)
        self._labels["gained"].update(after - before)
        self._labels["lost"].update(before - after)
        if before == after:
            return
        at = {place.id for counted in (a, b) for place in touchpoints_of(stored.record, counted)}
        self._changed.update([WHOLE, *at])
        if len(self._moved) == self._shown:
            return
        self._moved.append(
            {
                "id": stored.record.id,
                "touchpoints": sorted(at),
                "added": sorted(after - before),
                "removed": sorted(before - after),
                "corrected": bool(stored.corrections),
            }
        )


def newest(engine: sa.Engine, tenant: str, limit: int | None) -> Iterator[list[StoredComment]]:
    """Stored comments in batches, the last that came first, at most `limit` of them."""
    last, left = None, limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        with read(engine) as conn:
            batch = repository.arrived_before(conn, tenant, last, size)
        if not batch:
            return
        yield batch
        last = batch[-1].key
        left = None if left is None else left - len(batch)


def _as_read(batch: Sequence[StoredComment], side: Side) -> list[dict[str, Any]]:
    """What counts of each comment where this model has read it."""
    unread = [one for one in batch if one.analysis["model_version"] != side.version]
    analyses: Iterable[models.Analysis] = (
        side.tagger([comment_of(one.record) for one in unread]) if unread else []
    )
    fresh = {one.key: analysis.to_dict() for one, analysis in zip(unread, analyses, strict=True)}
    bodies = [fresh.get(one.key, one.analysis) for one in batch]
    return [
        in_force(body, [said.said for said in one.corrections]) if one.corrections else body
        for one, body in zip(batch, bodies, strict=True)
    ]


def _labels(counted: Mapping[str, Any]) -> set[str]:
    return {mention["id"] for group in GROUPS for mention in counted.get(group, ())}


def _by_place(sums: Counter[RollupKey]) -> dict[str, list[Total]]:
    found: dict[str, list[Total]] = defaultdict(list)
    for (place, day, measure), value in sums.items():
        found[place].append(Total(place, measure, value, day, day))
    return found
