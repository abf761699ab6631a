"""Whether an annotator drifts: says something else of like comments now than before.

    annotators(comments, chances, columns)

A verdict is what one person said of one label of one comment. How often verdicts agree with the model depends on how
hard the comments are; so what is compared over time is the agreement above what a calibrated model expects, which is
the larger of p and 1 - p. Comments are resampled, not verdicts. The model was fitted on the labels in force, which
these people made: who labels most is agreed with most, and it takes a change to show.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

import numpy as np

from evaluation.gold import LabelledComment
from evaluation.intervals import LEVEL, Estimate, draw, estimate
from evaluation.scores import Floats, ratio

ENOUGH = 20
"""Comments in each half of a person's work, under which nothing is said of a drift."""


@dataclass(frozen=True)
class Drift:
    """Agreement above the expected, later half minus earlier half; the interval allows for the number of people."""

    value: float
    low: float
    high: float
    since: datetime

    @property
    def drifts(self) -> bool:
        """Whether it is more than chance."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Annotator:
    """One person: agreement with the model and with others on the same labels (None: nobody else said anything)."""

    actor: str
    comments: int
    with_model: Estimate | None
    with_others: Estimate | None
    drift: Drift | None


@dataclass(frozen=True)
class _Comment:
    """One person's verdicts on one comment: how many, how many agree, and how many a calibrated model expects to."""

    at: datetime
    judged: int
    agreed: int
    expected: float
    compared: int
    alike: int


def annotators(
    comments: Sequence[LabelledComment], chances: Floats, columns: Mapping[str, int], *, seed: int = 0
) -> list[Annotator]:
    """Everybody of whom `said` tells, by name. `chances` are out of fold, shape (comments, labels); `columns` tell
    the place of a label in them."""
    work: dict[str, list[_Comment]] = defaultdict(list)
    for row, comment in zip(chances, comments, strict=True):
        for actor, one in _verdicts(comment, row, columns).items():
            work[actor].append(one)
    level = 1 - (1 - LEVEL) / max(1, sum(_is_enough(done) for done in work.values()))  # Bonferroni
    return [_annotator(actor, sorted(work[actor], key=lambda d: d.at), level, seed) for actor in sorted(work)]


def _verdicts(comment: LabelledComment, row: Floats, columns: Mapping[str, int]) -> dict[str, _Comment]:
    last: dict[str, dict[str, bool]] = defaultdict(dict)
    at: dict[str, datetime] = {}
    for said in sorted(comment.said, key=lambda one: one.at):
        last[said.actor] |= said.labels
        at[said.actor] = said.at
    return {
        actor: _counted(at[actor], mine, _others(last, actor), row, columns) for actor, mine in last.items()
    }


def _others(last: Mapping[str, Mapping[str, bool]], actor: str) -> list[tuple[str, bool]]:
    return [pair for other, theirs in last.items() if other != actor for pair in theirs.items()]


def _counted(
    at: datetime,
    mine: Mapping[str, bool],
    others: Sequence[tuple[str, bool]],
    row: Floats,
    columns: Mapping[str, int],
) -> _Comment:
    judged = [
        (there, row[columns[label]]) for label, there in mine.items() if not np.isnan(row[columns[label]])
    ]
    shared = [mine[label] == there for label, there in others if label in mine]
    return _Comment(
        at=at,
        judged=len(judged),
        agreed=sum(there == (chance >= 0.5) for there, chance in judged),
        expected=float(sum(max(chance, 1 - chance) for _, chance in judged)),
        compared=len(shared),
        alike=sum(shared),
    )


def _annotator(actor: str, done: Sequence[_Comment], level: float, seed: int) -> Annotator:
    return Annotator(
        actor=actor,
        comments=len(done),
        with_model=_share([(one.agreed, one.judged) for one in done if one.judged], seed),
        with_others=_share([(one.alike, one.compared) for one in done if one.compared], seed),
        drift=_drift(done, level, seed) if _is_enough(done) else None,
    )


def _share(counts: Sequence[tuple[int, int]], seed: int) -> Estimate | None:
    if not counts:
        return None
    return estimate(
        np.array(counts, dtype=float), lambda s: ratio(s[..., 0], s[..., 1]), draw(len(counts), seed=seed)
    )


def _is_enough(done: Sequence[_Comment]) -> bool:
    return sum(one.judged > 0 for one in done) >= 2 * ENOUGH


def _drift(done: Sequence[_Comment], level: float, seed: int) -> Drift:
    worked = [one for one in done if one.judged]
    middle = len(worked) // 2
    before, after = (_excess(half, seed + at) for at, half in enumerate((worked[:middle], worked[middle:])))
    value = after.value - before.value
    spread = float(np.hypot(before.samples.std(), after.samples.std()))
    reach = NormalDist().inv_cdf((1 + level) / 2) * spread
    return Drift(value, value - reach, value + reach, worked[middle].at)


def _excess(half: Sequence[_Comment], seed: int) -> Estimate:
    parts = np.array([(one.agreed - one.expected, one.judged) for one in half], dtype=float)
    return estimate(parts, lambda s: ratio(s[..., 0], s[..., 1]), draw(len(half), seed=seed))
