"""What changed, and since when: a chart over the daily rate of every touchpoint and label, all judged together.

    found = changes(counts, comments, weekdays)          arrays of (series, DAYS)
    found[0].series, found[0].rate, found[0].expected, found[0].since

The first 56 days are the baseline, the last 14 are watched; `changes` is asked anew each day. A day that must not
count, because another model version tagged it, has no comments: a new version begins a new baseline and never
looks like a change of the world.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.statistics.differences import discoveries, normal_of_student, two_sided

Floats = NDArray[np.float64]

BASELINE = 56
WATCHED = 14
DAYS = BASELINE + WATCHED
"""How many days each series has, the last one the latest complete day."""
MIN_BASELINE = 28
"""Fewer days with comments than this say too little about what is usual."""
MIN_COMMENTS = 30
"""In the last week."""
MIN_CHANGE = 0.02
MIN_RELATIVE_CHANGE = 0.25
"""A change must be this large, of all comments and of the rate that was expected, to matter to anybody."""
FALSE_ALERTS = 0.01
"""Of the alerts of a day, the share that chance may make; `tests.simulations.alerts` says what comes of it."""
_SMOOTHING = 0.2
WEEK = 7
_MIN_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """A rate that is no longer what it was. `series` is its row.

    `rate` is that of the last week, `n` its comments, `expected` what the baseline and the days of the week would
    make it; `since` is the column of the day from which on the days fit a change best; `p` is two-sided.
    """

    series: int
    rate: float
    expected: float
    n: int
    since: int
    p: float


def changes(counts: Floats, comments: Floats, weekdays: NDArray[np.int64]) -> list[Change]:
    """The series that changed, the surest first; those with too little to go by are left out.

    `counts` and `comments` are (series, DAYS), `weekdays` (DAYS,) from 0 to 6. Two charts of the standardised
    daily rates: an exponentially weighted moving average (Roberts 1959, Technometrics 1) for jumps, and the
    week's total for what is small and lasts. Both widths take Laney's correction for days that scatter more than
    chance (Laney 2002, Quality Engineering 14) and the error of the baseline itself; all series together pass
    Benjamini & Hochberg's control of false discoveries.
    """
    valid = comments > 0
    usual = _expected_rates(counts, comments, weekdays)
    scores = _scores(counts, comments, usual)
    scatter = _scatter(scores, valid)[:, None]
    days = valid[:, :BASELINE].sum(1)
    rows = judged(comments)
    observed, expected, n = (part[:, -WEEK:].sum(1) for part in (counts, comments * usual, comments))
    # The baseline's own error: by its days, and by its comments where there are many more of them now than then.
    days_of_it, n_of_it = np.maximum(days, 1), np.maximum(comments[:, :BASELINE].sum(1), 1)
    a_day = comments[:, BASELINE:].sum(1) / WATCHED
    by_week = _week_score(observed, expected, scatter[:, 0]) / np.sqrt(
        1 + np.maximum(WEEK / days_of_it, n / n_of_it)
    )
    by_day = _ewma(scores[:, BASELINE:] / scatter) / np.sqrt(
        _SMOOTHING / (2 - _SMOOTHING) + np.maximum(1 / days_of_it, a_day / n_of_it)
    )
    # The average of days on which hardly anything is expected is not nearly normal.
    by_day = np.where(expected >= _MIN_EXPECTED * WEEK, by_day, 0.0)
    furthest = np.where(np.abs(by_day) > np.abs(by_week), by_day, by_week)
    ps = [_p(float(furthest[row]), int(days[row])) for row in rows]
    found = [
        Change(row, observed[row] / n[row], expected[row] / n[row], int(n[row]), _since(scores[row]), p)
        for row, p, real in zip(rows, ps, discoveries(ps, FALSE_ALERTS), strict=True)
        if real and _matters(observed[row] / n[row], expected[row] / n[row])
    ]
    return sorted(found, key=lambda change: change.p)


def judged(comments: Floats) -> list[int]:
    """The series, rows of `comments` (series, DAYS), that have enough to go by."""
    days, n = (comments[:, :BASELINE] > 0).sum(1), comments[:, -WEEK:].sum(1)
    rows: list[int] = np.flatnonzero((days >= MIN_BASELINE) & (n >= MIN_COMMENTS)).tolist()
    return rows


def _expected_rates(counts: Floats, comments: Floats, weekdays: NDArray[np.int64]) -> Floats:
    """The baseline's rate on each day, by the day of the week as far as the days of the week differ.

    Their factors are drawn to 1 by the share of their differences that chance would make (empirical Bayes, after
    Morris 1983, Journal of the American Statistical Association 78).
    """
    found, seen = counts[:, :BASELINE], comments[:, :BASELINE]
    # Half a comment keeps a rate of nothing from being certain.
    rate = (np.maximum(found.sum(1), 0.5) / np.maximum(seen.sum(1), 1))[:, None]
    rate = np.minimum(rate, 0.999)
    on = (weekdays[:BASELINE, None] == np.arange(7)).astype(float)
    expected = np.maximum(seen @ on * rate, 1e-9)
    scatter = _scatter(_scores(counts, comments, np.broadcast_to(rate, counts.shape)), comments > 0)
    there = seen @ on > 0
    free = np.maximum(there.sum(1) - 1, 1)
    chi = ((found @ on - expected) ** 2 / (expected * (1 - rate))).sum(1) / (free * scatter**2)
    kept = np.clip(1 - 1 / np.maximum(chi, 1e-9), 0, 1)[:, None]
    # Of a day of the week on which nobody came nothing is known.
    factors = 1 + kept * np.where(there, found @ on / expected - 1, 0.0)
    usual: Floats = np.clip(rate * factors[:, weekdays], 1e-6, 0.999)
    return usual


def _scores(counts: Floats, comments: Floats, usual: Floats) -> Floats:
    """Daily rates less the usual ones, in binomial standard errors; 0 on days without comments."""
    error = np.sqrt(np.maximum(comments, 1) * usual * (1 - usual))
    scores: Floats = (counts - comments * usual) / error
    return scores


def _scatter(scores: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Laney's sigma Z: how much wider than chance the baseline's days scatter, by moving ranges; at least 1."""
    both = valid[:, 1:BASELINE] & valid[:, : BASELINE - 1]
    ranges = np.abs(np.diff(scores[:, :BASELINE], axis=1)) * both
    scatter: Floats = ranges.sum(1) / np.maximum(both.sum(1), 1) / 1.128
    return np.maximum(scatter, 1.0)


def _ewma(scores: Floats) -> Floats:
    """The average on the last day, from zero on the first."""
    ages = np.arange(scores.shape[1])[::-1]
    average: Floats = scores @ (_SMOOTHING * (1 - _SMOOTHING) ** ages)
    return average


def _week_score(observed: Floats, expected: Floats, scatter: Floats) -> Floats:
    """A week's count as a standard normal value, which keeps the long upper tail of small counts in.

    Wilson & Hilferty's cube root of the Poisson tail (1931), both counts divided by the scatter's square.
    """
    seen, usual = observed / scatter**2, np.maximum(expected / scatter**2, 1e-9)
    upper, lower = np.maximum(seen, 1e-9), seen + 1 / scatter**2
    above = 3 * np.sqrt(upper) * (1 - 1 / (9 * upper) - np.cbrt(usual / upper))
    below = 3 * np.sqrt(lower) * (1 - 1 / (9 * lower) - np.cbrt(usual / lower))
    return np.where(seen > usual, np.maximum(above, 0.0), np.minimum(below, 0.0))


def _p(score: float, baseline_days: int) -> float:
    """Two-sided, by Student's t: moving ranges know the scatter as 0.6 as many squared differences would."""
    return two_sided(normal_of_student(score, 0.6 * (baseline_days - 1)))


def _matters(rate: float, expected: float) -> bool:
    return abs(rate - expected) >= max(MIN_CHANGE, MIN_RELATIVE_CHANGE * expected)


def _since(scores: Floats) -> int:
    """The first day of the stretch up to now that is furthest from zero for its length (Hinkley 1970)."""
    last = scores[BASELINE:]
    sums = last[::-1].cumsum()[::-1] / np.sqrt(np.arange(len(last), 0, -1))
    return BASELINE + int(np.argmax(np.abs(sums)))
