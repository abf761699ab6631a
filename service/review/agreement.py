"""How far people agree: Krippendorff's alpha for nominal data, with missing answers allowed.

    alpha([{"anna": True, "ben": True}, {"anna": True, "ben": False}, {"anna": False}])

1 is full agreement, 0 what chance would give, below 0 worse than chance. Formula: K. Krippendorff, Computing
Krippendorff's Alpha-Reliability (2011), section C; the coincidence matrix is never built, only its sums.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.review.repository import Annotation

Unit = Mapping[str, Hashable]
"""The answers on one question, by annotator."""


@dataclass(frozen=True)
class Agreement:
    """`alpha` is None where nothing varies or nobody was asked twice; `n` counts questions with two answers or more."""

    alpha: float | None
    n: int


def alpha(units: Iterable[Unit]) -> Agreement:
    """Krippendorff's alpha over these units; a unit with fewer than two answers says nothing."""
    totals: Counter[Hashable] = Counter()
    differing = 0.0
    pairable = [Counter(unit.values()) for unit in units if len(unit) > 1]
    for values in pairable:
        m = values.total()
        totals.update(values)
        # Ordered pairs of unlike answers, each of the m answers with weight 1 / (m - 1).
        differing += sum(count * (m - count) for count in values.values()) / (m - 1)
    n = totals.total()
    expected = sum(count * (n - count) for count in totals.values())
    if not expected:
        return Agreement(None, len(pairable))
    return Agreement(1 - (n - 1) * differing / expected, len(pairable))


def by_label(annotations: Sequence[Annotation]) -> dict[str, Agreement]:
    """The agreement on each label that was judged."""
    return {label: alpha(units.values()) for label, units in sorted(_units(annotations).items())}


def overall(annotations: Sequence[Annotation]) -> Agreement:
    """The agreement over all labels of all comments together."""
    return alpha(unit for units in _units(annotations).values() for unit in units.values())


def _units(annotations: Sequence[Annotation]) -> dict[str, dict[int, dict[str, bool]]]:
    found: dict[str, dict[int, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    for one in annotations:
        for label, there in one.verdicts.items():
            found[label][one.comment_key][one.annotator] = there
    return found
