"""How far two samples lie apart: rates, scores and means of two periods or two segments; and many at once.

    rates = rate_difference(96, 405, 61, 402)          a Difference: value, low, high and p
    discoveries([rates.p, scores.p, means.p])          which of them are more than chance

A difference is the first less the second: what is now less what was before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from service.statistics.estimate import Estimate, Z
from service.statistics.intervals import nps, student_quantile, wilson

FALSE_DISCOVERIES = 0.05
"""Of all differences called real, the share that chance may make."""


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A difference with its 95% interval, and the two-sided probability of one as large where there is none."""

    p: float


def apart(new: Estimate, old: Estimate) -> Difference:
    """The difference of two independent estimates from their intervals alone.

    The limits are recovered from those of the two (MOVER: Zou & Donner 2008, Statistics in Medicine 27; with
    Wilson's intervals it is method 10 of Newcombe 1998). `p` reads the limit on zero's side as a normal one, so
    that it is below 0.05 exactly where the interval leaves out zero.
    """
    value = new.value - old.value
    below = math.hypot(new.value - new.low, old.high - old.value)
    above = math.hypot(new.high - new.value, old.value - old.low)
    towards_zero = below if value > 0 else above
    # Without any width only equal values are alike.
    z = Z * abs(value) / towards_zero if towards_zero else math.inf if value else 0.0
    return Difference(value, value - below, value + above, two_sided(z))


def rate_difference(new: int, new_n: int, old: int, old_n: int) -> Difference:
    """`new` of `new_n` against `old` of `old_n`, both at least one, as a difference of shares.

    The interval is Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873-890, method
    10); `p` is that of the score test with the pooled share (Pearson's chi-squared).
    """
    difference = apart(wilson(new, new_n), wilson(old, old_n))
    pooled = (new + old) / (new_n + old_n)
    variance = pooled * (1 - pooled) * (1 / new_n + 1 / old_n)
    z = difference.value / math.sqrt(variance) if variance else 0.0
    return Difference(difference.value, difference.low, difference.high, two_sided(z))


def nps_difference(new: tuple[int, int, int], old: tuple[int, int, int]) -> Difference:
    """Two scores apart, in points; promoters, passives and detractors of each, at least one answer.

    Limits recovered (`apart`) from the two adjusted Wald intervals (Rocks 2016).
    """
    return apart(nps(*new), nps(*old))


def mean_difference(new: tuple[int, int, int], old: tuple[int, int, int]) -> Difference:
    """Two means apart; n >= 2, sum and sum of squares of each.

    Welch's interval (Welch 1947, Biometrika 34), its degrees of freedom rounded down; `p` by Wallace's normal
    approximation to Student's t (Wallace 1959, Annals of Mathematical Statistics 30), within 0.002.
    """
    new_error, old_error = _squared_error(*new), _squared_error(*old)
    error = math.sqrt(new_error + old_error)
    value = new[1] / new[0] - old[1] / old[0]
    if not error:
        return Difference(value, value, value, 0.0 if value else 1.0)
    degrees = error**4 / (new_error**2 / (new[0] - 1) + old_error**2 / (old[0] - 1))
    half = student_quantile(max(1, int(degrees))) * error
    return Difference(value, value - half, value + half, two_sided(normal_of_student(value / error, degrees)))


def discoveries(ps: Sequence[float], level: float = FALSE_DISCOVERIES) -> list[bool]:
    """Which of all comparisons shown together may be called real, in their order.

    At most `level` of those called so are expected to be chance (Benjamini & Hochberg 1995, Journal of the
    Royal Statistical Society B 57): all up to the largest p that is at most its rank's part of the level.
    """
    ranked = sorted(ps)
    passing = [p for rank, p in enumerate(ranked, start=1) if p <= level * rank / len(ranked)]
    limit = max(passing, default=-1.0)
    return [p <= limit for p in ps]


def two_sided(z: float) -> float:
    """The probability of a normal value at least as far from zero as `z`."""
    return 2 * NormalDist().cdf(-abs(z))


def _squared_error(n: int, total: int, total_of_squares: int) -> float:
    return (n * total_of_squares - total**2) / (n**2 * (n - 1))


def normal_of_student(t: float, degrees: float) -> float:
    """The normal value with the same tail as Student's `t`."""
    return (8 * degrees + 1) / (8 * degrees + 3) * math.sqrt(degrees * math.log1p(t**2 / degrees))
