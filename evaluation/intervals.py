"""Bootstrap intervals over comments: how far a figure would move with another sample of the same size.

Comments are drawn with replacement (Efron 1979); the interval runs between percentiles. Drawing is done once,
as multinomial weights, and shared by all systems and figures, so that differences between systems are paired.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evaluation.scores import Floats

RESAMPLES = 1_000
LEVEL = 0.95
ENOUGH = 30
"""Fewer than this many positives say little about a label."""

Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval. `n` is what it rests on; NaN where the figure is undefined."""

    value: float
    low: float
    high: float
    n: int
    samples: Floats = field(repr=False, compare=False, default_factory=lambda: np.empty(0))

    def to_dict(self) -> dict[str, Any]:
        """As the report stores it: four decimals, null for undefined."""
        figures = {"value": self.value, "low": self.low, "high": self.high}
        return {k: None if np.isnan(v) else round(v, 4) for k, v in figures.items()} | {"n": self.n}


def draw(n: int, *, seed: int, resamples: int = RESAMPLES) -> Floats:
    """How often each of `n` comments is drawn in each resample, shape (resamples, n)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)


def estimate(parts: Floats, statistic: Statistic, weights: Floats, n: int | None = None) -> Estimate:
    """A figure that depends on comments through a sum of their parts.

    `parts` has shape (n, ...), `weights` (resamples, n); `statistic` takes sums with any leading axes.
    """
    return from_samples(*_figured(parts, statistic, weights), len(parts) if n is None else n)


def estimate_above_zero(parts: Floats, statistic: Statistic, weights: Floats) -> Estimate:
    """The same of a figure that chance only raises, such as a calibration error.

    A resample raises it once more, so that percentiles lie above the figure. The basic interval takes that off again
    (Davison & Hinkley 1997, ch. 5), is cut at 0 and holds the figure.
    """
    value, samples = _figured(parts, statistic, weights)
    found = from_samples(value, samples, len(parts))
    low, high = max(0.0, 2 * value - found.high), max(value, 2 * value - found.low)
    return replace(found, low=low, high=high)


def _figured(parts: Floats, statistic: Statistic, weights: Floats) -> tuple[float, Floats]:
    """The figure, and its values on the resamples."""
    flat = parts.reshape(len(parts), math.prod(parts.shape[1:]))
    summed = (weights @ flat).reshape(len(weights), *parts.shape[1:])
    return float(statistic(parts.sum(axis=0))), statistic(summed)


def from_samples(value: float, samples: Floats, n: int) -> Estimate:
    """A figure with its values on the resamples; resamples on which it is undefined are left out."""
    known = samples[~np.isnan(samples)]
    if np.isnan(value) or not len(known):
        return Estimate(value=value, low=np.nan, high=np.nan, n=n, samples=samples)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=value, low=float(low), high=float(high), n=n, samples=samples)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """`one` minus `other`, paired: both must come from the same weights."""
    return from_samples(one.value - other.value, one.samples - other.samples, min(one.n, other.n))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` independent cases (Wilson 1927); (0, 1) where there are none."""
    if n == 0:
        return 0.0, 1.0
    z = 1.959964
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
