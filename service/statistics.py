"""Estimates with 95% intervals, as pure functions of counts. Every formula names its source.

nps(promoters=40, passives=30, detractors=30)  →  Estimate(value=10.0, low=-6.27…, high=25.68…)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its 95% interval."""

    value: float
    low: float
    high: float

    def within(self, low: float, high: float) -> "Estimate":
        """The same, cut to the range that the quantity can have."""
        return Estimate(*(min(max(part, low), high) for part in (self.value, self.low, self.high)))

    def times(self, factor: float) -> "Estimate":
        """The same, multiplied by a known factor of zero or more."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def nps(promoters: int, passives: int, detractors: int) -> Estimate:
    """Net Promoter Score in points, -100 to 100; at least one answer.

    The value is the plain difference of shares (Reichheld 2003). The interval is the adjusted Wald interval:
    3/4 promoter, 3/2 passives and 3/4 detractor are added (Rocks 2016, "Interval estimation for the Net
    Promoter Score", The American Statistician 70(4)). Where all of very few answers are alike, its shrunken centre
    would leave the value outside: it is drawn to the value then.
    """
    n = promoters + passives + detractors
    added = n + 3
    up, down = (promoters + 0.75) / added, (detractors + 0.75) / added
    centre = up - down
    half = Z * math.sqrt((up + down - centre**2) / added)
    value = (promoters - detractors) / n
    return Estimate(value, min(centre - half, value), max(centre + half, value)).within(-1, 1).times(100)


def wilson(successes: int, n: int) -> Estimate:
    """A share of n >= 1 with Wilson's score interval (Wilson 1927; Brown, Cai & DasGupta 2001)."""
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # At 0 and n the interval begins and ends exactly there, which floating point misses by a hair.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(share, low, high)


def mean(n: int, total: int, total_of_squares: int) -> Estimate:
    """The mean of n >= 2 whole numbers, from their sum and sum of squares, with Student's interval."""
    variance = (n * total_of_squares - total**2) / (n * (n - 1))
    half = student_quantile(n - 1) * math.sqrt(variance / n)
    return Estimate(total / n, total / n - half, total / n + half)


def student_quantile(degrees: int) -> float:
    """The 97.5% quantile of Student's t with `degrees` >= 1 degrees of freedom, within 0.004.

    The Cornish-Fisher expansion (Abramowitz & Stegun 1964, 26.7.5); for one and two degrees, where it is
    poor, the closed forms.
    """
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    x = Z
    terms: tuple[float, ...] = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return sum(term / float(degrees**power) for power, term in enumerate(terms))


def adjusted_rate(positives: int, n: int, errors: Mapping[str, int]) -> Estimate | None:
    """The share that is truly positive among n >= 1, of which an imperfect tagger called `positives` so.

    `errors` are its counts `tp`, `fp`, `fn`, `tn` on comments labelled by hand. The value corrects the share
    for sensitivity and specificity (Rogan & Gladen 1978), cut to 0..1; the interval has the pseudo-counts and
    the shift of Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113). It holds where the tagger errs
    here as it did there. None if `errors` do not show, at 95%, that the tagger does better than chance.
    """
    diseased, healthy = errors["tp"] + errors["fn"], errors["tn"] + errors["fp"]
    if not diseased or not healthy:
        return None
    se, sp = (errors["tp"] + 1) / (diseased + 2), (errors["tn"] + 1) / (healthy + 2)
    se_variance, sp_variance = se * (1 - se) / (diseased + 2), sp * (1 - sp) / (healthy + 2)
    youden = se + sp - 1
    if youden <= Z * math.sqrt(se_variance + sp_variance):
        return None
    plain_se, plain_sp = errors["tp"] / diseased, errors["tn"] / healthy
    value = (positives / n + plain_sp - 1) / (plain_se + plain_sp - 1)
    seen = (positives + Z**2 / 2) / (n + Z**2)
    true = (seen + sp - 1) / youden
    variance = seen * (1 - seen) / (n + Z**2) + true**2 * se_variance + (1 - true) ** 2 * sp_variance
    centre = true + 2 * Z**2 * (true * se_variance - (1 - true) * sp_variance)
    half = Z * math.sqrt(variance) / youden
    # Value and interval are different estimators: on very few labelled comments the one may lie beside the other.
    return Estimate(value, min(centre - half, value), max(centre + half, value)).within(0, 1)
