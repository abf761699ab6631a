"""Figures over rounds: median with least and greatest, ratios paired by round, percentiles."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median of `n` rounds with the least and the greatest of them."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None where nothing was measured."""
        return cls(median(values), min(values), max(values), len(values)) if values else None

    def to_dict(self) -> dict[str, Any]:
        """As results.json has it."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread | None:
    """Round by round, so that what disturbs a whole round disturbs both sides of its ratio."""
    return Spread.of([one / other for one, other in zip(above, below, strict=False) if other > 0])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all reach or stay under (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, ceil(share * len(ranked)) - 1)]


def _rounded(value: float) -> float:
    """Five significant digits: nothing here is known better."""
    return float(f"{value:.5g}")
