"""How often the intervals of estimated issue rates hold the truth, and those of raw counts do not.

    python -m tests.simulations.rates                  the full grid, 4,000 runs a cell: about two minutes
    python -m tests.simulations.rates --runs 500

Every run draws the comments of a period anew from a true rate, tags them with a tagger of known error rates, and
audits some at random. A cell is one true rate, one touchpoint's error rates, one size and one kind of audit:

- `even`: every comment is drawn with the same probability;
- `by tag`: tagged comments are drawn three times as often as others;
- `by place`: two touchpoints together, a large one that is seldom audited and a small one that is audited eight
  times as often, where the issue is half as frequent and the tagger has other errors.

The card's error rates are those of a touchpoint with sensitivity 0.6 and 0.05 false positives, measured on 300
comments with the issue and 3,000 without.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.statistics import Audit, adjusted_rate, apart, prediction_powered, wilson

COMMENTS = 3_000
RATES = (0.03, 0.05, 0.10, 0.20, 0.40)
AUDITS = (100, 200, 400)
DESIGNS = ("even", "by tag", "by place")
CARD = (0.6, 0.05)
ON_CARD = (300, 3_000)
ERRORS = {
    "as on the card": CARD,
    "more false alarms": (0.6, 0.15),
    "misses more": (0.4, 0.02),
    "finds more": (0.8, 0.10),
}
"""Sensitivity and false-positive rate of the tagger at each touchpoint."""

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """One condition of the simulation."""

    rate: float
    errors: str
    audit: int
    design: str


@dataclass(frozen=True)
class Coverage:
    """In how many of `runs` each interval held the truth; its mean width; how often the alarm rang."""

    runs: int
    audited: float
    card: float
    raw: float
    width: float
    alarms: float

    def error(self, share: float) -> float:
        """The Monte-Carlo standard error of a share of the runs."""
        return math.sqrt(share * (1 - share) / self.runs)


def cells() -> Iterator[Cell]:
    """The whole grid."""
    for design in DESIGNS:
        for errors in ERRORS:
            for rate in RATES:
                for audit in AUDITS:
                    yield Cell(rate, errors, audit, design)


def simulate(cell: Cell, runs: int, seed: int) -> Coverage:
    """Many periods of one cell. The same seed gives the same answer."""
    rng = np.random.default_rng(seed)
    shares, drawn_with = _population(cell)
    counts = rng.multinomial(COMMENTS, shares.ravel(), runs)
    drawn = rng.binomial(counts, drawn_with.ravel())
    labels, tags, chances = (column.ravel() for column in (*_labels_and_tags(len(shares)), drawn_with))
    found = [
        _one(cell.rate, tagged, Audit(*(np.repeat(column, some) for column in (labels, tags, chances))), rng)
        for tagged, some in zip((counts * tags).sum(1).astype(int).tolist(), drawn, strict=True)
    ]
    return Coverage(runs, *np.mean(found, axis=0).tolist())


def _population(cell: Cell) -> tuple[Cells, Cells]:
    """Shares of all comments, and probabilities of a draw, both by place, label (0, 1) and tag (0, 1)."""
    if cell.design == "by place":
        # 80 and 20 in a hundred; half as frequent in the small one, so that together they have the rate.
        large = cell.rate / 0.9
        shares = np.stack([0.8 * _joint(large, *ERRORS[cell.errors]), 0.2 * _joint(large / 2, *CARD)])
        weights = np.stack([np.ones((2, 2)), np.full((2, 2), 8.0)])
    else:
        shares = _joint(cell.rate, *ERRORS[cell.errors])[None]
        weights = np.array([[[1.0, 3.0], [1.0, 3.0]]]) if cell.design == "by tag" else np.ones((1, 2, 2))
    expected = cell.audit / COMMENTS
    return shares, weights * expected / (shares * weights).sum()


def _joint(rate: float, sensitivity: float, false_positives: float) -> Cells:
    return np.array(
        [
            [(1 - rate) * (1 - false_positives), (1 - rate) * false_positives],
            [rate * (1 - sensitivity), rate * sensitivity],
        ]
    )


def _labels_and_tags(places: int) -> tuple[Cells, Cells]:
    labels = np.broadcast_to(np.array([[0.0, 0.0], [1.0, 1.0]]), (places, 2, 2))
    return labels, labels.transpose(0, 2, 1)


def _one(rate: float, tagged: int, audit: Audit, rng: np.random.Generator) -> tuple[float, ...]:
    audited = prediction_powered(tagged, COMMENTS, audit)
    raw = wilson(tagged, COMMENTS)
    hits, false = rng.binomial(ON_CARD, CARD)
    card = adjusted_rate(
        tagged,
        COMMENTS,
        {"tp": hits, "fn": ON_CARD[0] - hits, "fp": false, "tn": ON_CARD[1] - false},
    )
    assert card is not None
    return (
        audited.low <= rate <= audited.high,
        card.low <= rate <= card.high,
        raw.low <= rate <= raw.high,
        audited.high - audited.low,
        apart(audited, card).p < 0.05,
    )


def main() -> None:
    """Print every cell with its Monte-Carlo error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=4_000)
    runs = parser.parse_args().runs
    sys.stdout.write(
        f"{'audit':9}{'errors here':19}{'true':>5}{'n':>5}{'audited':>9} ±MC {'width':>7}"
        f"{'card':>8}{'raw':>8}{'alarm':>8}   (% of {runs:,} runs)\n"
    )
    audited, raw = [], []
    for seed, cell in enumerate(cells()):
        found = simulate(cell, runs, seed)
        audited.append(found.audited)
        raw.append(found.raw)
        sys.stdout.write(
            f"{cell.design:9}{cell.errors:19}{cell.rate:5.0%}{cell.audit:5}"
            f"{found.audited:9.1%} {found.error(found.audited):4.1%}"
            f"{found.width:7.1%}{found.card:8.1%}{found.raw:8.1%}{found.alarms:8.1%}\n"
        )
    sys.stdout.write(
        f"\naudited: {min(audited):.1%} to {max(audited):.1%}, mean {np.mean(audited):.1%}; "
        f"raw: {min(raw):.1%} to {max(raw):.1%}, 0.0% in {np.mean(np.array(raw) < 0.0005):.0%} of cells\n"
    )


if __name__ == "__main__":
    main()
