"""Intervals of one sample: NPS, shares, means. Pure functions of counts; every formula names its source.

nps(promoters=40, passives=30, detractors=30)  →  Estimate(value=10.0, low=-6.27…, high=25.68…)
"""

import math

from service.statistics.estimate import Estimate, Z


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
    return score_interval(successes / n, n, Z)


def score_interval(share: float, n: float, quantile: float) -> Estimate:
    """Wilson's interval of a share of `n` > 0, which need not be whole (an effective number)."""
    centre = (share + quantile**2 / (2 * n)) / (1 + quantile**2 / n)
    half = quantile / (1 + quantile**2 / n) * math.sqrt(share * (1 - share) / n + quantile**2 / (4 * n**2))
    # At 0 and 1 the interval begins and ends exactly there, which floating point misses by a hair.
    low = 0.0 if share == 0 else centre - half
    high = 1.0 if share == 1 else centre + half
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
