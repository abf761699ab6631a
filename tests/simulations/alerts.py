"""How often alerts ring over a quiet grid, and how soon where something changed.

    python -m tests.simulations.alerts                 about three minutes
    python -m tests.simulations.alerts --grids 200

A grid is 10 touchpoints by 10 issues with 150 comments a day at each touchpoint, more of them and other rates on
some days of the week than on others. It is asked on each of 14 evenings; an alert on several evenings is one. Two
grids: issues `from 1 to 25 %`, and the hardest one, `all at 8 %`. `scatter` is the standard deviation of the true
rate from day to day, in logits, beyond chance and weekday. A change is at one of the hundred, from 8 % to 12 % or
to 16 %, on the morning of the first evening.

The last lines are a bound that no method can pass: by the lemma of Neyman and Pearson, whoever finds 8 to 12 % in
95 % of weeks rings this often over weeks in which nothing happens, even if nobody had to learn what is usual.
"""

import argparse
import math
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service.statistics.changes import DAYS, changes

Floats = NDArray[np.float64]
EVENINGS = 14
PLACES = 10
MIXED = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.15, 0.25])
HARDEST = np.full(10, 0.08)
VOLUME = np.array([1.2, 1.1, 1.0, 1.0, 1.0, 0.9, 0.8])
LOGITS = np.array([0.10, 0.05, 0.0, 0.0, -0.05, -0.10, 0.0])
"""Of the days of a week: comments, and what is added to the logit of a rate."""
CHANGED = 6
"""The row that changes: 8 % in both grids."""


def days(
    rng: np.random.Generator, rates: Floats, volume: float, scatter: float, to: float | None = None
) -> tuple[Floats, Floats]:
    """Counts and comments, (series, days), of one grid; with `to`, one series goes there for the evenings."""
    weekdays = np.arange(DAYS + EVENINGS - 1) % 7
    comments = rng.poisson(volume * VOLUME[weekdays], (PLACES, len(weekdays))).repeat(len(rates), axis=0)
    logits = np.tile(np.log(rates / (1 - rates)), PLACES)[:, None] + LOGITS[weekdays]
    logits = logits + scatter * rng.standard_normal(logits.shape)
    if to is not None:
        before = float(np.tile(rates, PLACES)[CHANGED])
        logits[CHANGED, -EVENINGS:] += math.log(to / (1 - to)) - math.log(before / (1 - before))
    return rng.binomial(comments, 1 / (1 + np.exp(-logits))).astype(float), comments.astype(float)


def evenings(counts: Floats, comments: Floats) -> Iterator[set[int]]:
    """The series with an alert, evening by evening."""
    for first in range(EVENINGS):
        shown = slice(first, first + DAYS)
        weekdays = np.arange(first, first + DAYS) % 7
        yield {found.series for found in changes(counts[:, shown], comments[:, shown], weekdays)}


def false_alerts(rates: Floats, scatter: float, grids: int, seed: int, volume: float = 150) -> Floats:
    """How many series rang in the fortnight, for each of many quiet grids."""
    rng = np.random.default_rng(seed)
    rang = [set().union(*evenings(*days(rng, rates, volume, scatter))) for _ in range(grids)]
    return np.array([len(one) for one in rang], dtype=float)


def delays(to: float, scatter: float, grids: int, seed: int, volume: float = 150) -> Floats:
    """On which evening, from 1, the series that changed rang first; infinite if never."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(grids):
        asked = evenings(*days(rng, MIXED, volume, scatter, to))
        found.append(next((evening for evening, rang in enumerate(asked, 1) if CHANGED in rang), math.inf))
    return np.array(found)


def bound(before: float, after: float, n: int, power: float) -> float:
    """How often the best test of a count among n rings at rate `before` if it finds `after` with this power."""
    tail_before, tail_after = (np.cumsum(_binomial(n, rate)[::-1])[::-1] for rate in (before, after))
    # From the smallest count at which fewer are found than must be, drawn lots make up the rest.
    least = int(np.flatnonzero(tail_after >= power)[-1])
    lots = (power - tail_after[least + 1]) / (tail_after[least] - tail_after[least + 1])
    return float(tail_before[least + 1] + lots * (tail_before[least] - tail_before[least + 1]))


def _binomial(n: int, rate: float) -> Floats:
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(rate)
        + (n - k) * math.log1p(-rate)
        for k in range(n + 1)
    ]
    return np.exp(np.array(logs))


def main() -> None:
    """Print the rates of false alerts, the delays, and the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--grids", type=int, default=1_000)
    grids = parser.parse_args().grids
    out = sys.stdout.write
    out(f"false alerts a fortnight, over {grids} quiet grids of 10 x 10 (± Monte-Carlo error)\n")
    for name, rates, volume in (
        ("1 to 25 %", MIXED, 150),
        ("all at 8 %", HARDEST, 150),
        ("1 to 25 %", MIXED, 10),
    ):
        for scatter in (0.0, 0.15, 0.25):
            rang = false_alerts(rates, scatter, grids, 1, volume)
            error = rang.std(ddof=1) / math.sqrt(grids)
            out(f"  {name:11} {volume:4} a day  scatter {scatter:.2f}  {rang.mean():.3f} ± {error:.3f}\n")
    some = max(1, grids // 2)
    out(f"found within so many days, one of a hundred changed, {some} grids\n")
    for to, volume in ((0.12, 150), (0.14, 150), (0.16, 150), (0.12, 300), (0.12, 500)):
        for scatter in (0.0, 0.15):
            when = delays(to, scatter, some, 2, volume)
            shares = "  ".join(f"{day}: {np.mean(when <= day):5.1%}" for day in (3, 5, 7, 10, 14))
            error = math.sqrt(np.mean(when <= 7) * np.mean(when > 7) / some)
            out(f"  8 to {to:.0%} at {volume} a day  scatter {scatter:.2f}  {shares}  (7: ± {error:.1%})\n")
    a_week = bound(0.08, 0.12, 7 * 150, 0.95)
    out(f"the bound: {a_week:.4f} a week and series, {2 * 100 * a_week:.2f} a fortnight over a grid at 8 %\n")


if __name__ == "__main__":
    main()
