"""Are these two samples of one population? Scores, shares and several such questions at once; pure functions.

    kolmogorov_smirnov(new, old)      a Gap: how far two distributions lie apart, and where
    fisher(12, 500, 9, 4000)          the p of two shares, exact
    holm([0.01, 0.2])                 each p as good as if it had been asked alone

Those that need no formula for chance, because they shuffle the two samples, are in `permutations`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TERMS = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """Where two distributions lie furthest apart: `now` and `before` are the shares of values above `at`."""

    at: float
    now: float
    before: float
    p: float

    @property
    def distance(self) -> float:
        """0 to 1: the Kolmogorov-Smirnov statistic, or the difference of two shares."""
        return abs(self.now - self.before)


def kolmogorov_smirnov(new: Floats, old: Floats) -> Gap:
    """The two-sample test of Smirnov 1948 (Annals of Mathematical Statistics 19), at least one value each.

    `p` is Kolmogorov's limit with the correction of Stephens 1970 (Journal of the Royal Statistical Society B 32)
    for small samples. Where values are tied, as scores are that were too low to be kept, it is too large rather
    than too small (Noether 1963).
    """
    values = np.unique(np.concatenate([new, old]))
    below_new = np.searchsorted(np.sort(new), values, side="right") / len(new)
    below_old = np.searchsorted(np.sort(old), values, side="right") / len(old)
    widest = int(np.argmax(np.abs(below_new - below_old)))
    now, before = 1 - float(below_new[widest]), 1 - float(below_old[widest])
    root = math.sqrt(len(new) * len(old) / (len(new) + len(old)))
    scaled = (root + 0.12 + 0.11 / root) * abs(now - before)
    return Gap(float(values[widest]), now, before, _kolmogorov(scaled))


def shares(new: int, new_n: int, old: int, old_n: int) -> Gap:
    """Two shares as a `Gap` of values that are 0 or 1; both of at least one."""
    return Gap(0.0, new / new_n, old / old_n, fisher(new, new_n, old, old_n))


def fisher(new: int, new_n: int, old: int, old_n: int) -> float:
    """The two-sided p of Fisher's exact test (Fisher 1934): all tables that are no likelier than this one."""
    total, n = new + old, new_n + old_n
    counts = np.arange(max(0, total - old_n), min(total, new_n) + 1)
    logs = _log_choose(new_n, counts) + _log_choose(old_n, total - counts) - _log_choose(n, np.array([total]))
    own = logs[new - counts[0]]
    # Tables that are as likely must count, whatever floating point makes of it.
    return min(1.0, float(np.exp(logs[logs <= own + 1e-7]).sum()))


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values in their order; the chance of any false one is at most the level (Holm 1979,
    Scandinavian Journal of Statistics 6)."""
    adjusted, highest = [1.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda one: ps[one])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def _kolmogorov(scaled: float) -> float:
    # Below this the series converges slowly, to 1.
    if scaled < 0.3:
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, _TERMS))
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def _log_choose(n: int, counts: NDArray[np.int64]) -> Floats:
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    found: Floats = logs[n] - logs[counts] - logs[n - counts]
    return found
