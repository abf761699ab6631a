"""How answers of each kind are judged (present or not, one of several, a level), and what is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from evaluation import scores
from evaluation.exam import Exam
from evaluation.intervals import ENOUGH, Estimate, estimate, from_samples
from evaluation.scores import BINS, Flags, Floats
from evaluation.selection import Point
from models.heads import LEVELS


@dataclass(frozen=True)
class Row:
    """The figures of one label or class. `support` counts its positives, `predicted` the predictions."""

    id: str
    title: str
    support: int
    predicted: int
    measures: Mapping[str, Estimate]

    @property
    def insufficient(self) -> bool:
        """Too few positives to say much."""
        return self.support < ENOUGH


@dataclass(frozen=True)
class Bin:
    """One point of a reliability diagram: mean probability and observed frequency of `n` decisions."""

    n: int
    probability: float
    frequency: float


@dataclass(frozen=True)
class Result:
    """What a task found: figures of the whole, of each label, the bins of calibration, the curve of risk."""

    measures: Mapping[str, Estimate]
    rows: Sequence[Row] = ()
    bins: Mapping[str, Sequence[Bin]] = field(default_factory=dict)
    curve: Sequence[Point] = ()


def detection(
    exam: Exam,
    gold: Flags,
    decided: Flags,
    names: Sequence[tuple[str, str]],
    chances: Floats | None = None,
) -> Result:
    """Judge columns that are there or not, each by itself; `names` holds their ids and titles."""
    parts = scores.counts(gold, decided)
    macro = partial(scores.macro_f1, present=np.asarray(gold.any(axis=0)))
    measures = {
        "micro_f1": estimate(parts, scores.micro_f1, exam.weights),
        "macro_f1": estimate(parts, macro, exam.weights),
    }
    rows = []
    for column, (name, title) in enumerate(names):
        figures = _row_figures(exam, parts[:, :, column])
        if chances is not None:
            figures["ap"] = _average_precision(exam, gold[:, column], chances[:, column])
        support, predicted = int(gold[:, column].sum()), int(decided[:, column].sum())
        rows.append(Row(name, title, support, predicted, figures))
    return Result(measures=measures, rows=rows)


def _row_figures(exam: Exam, parts: Floats) -> dict[str, Estimate]:
    return {
        "precision": estimate(parts, lambda s: scores.precision(s[..., 0], s[..., 1]), exam.weights),
        "recall": estimate(parts, lambda s: scores.recall(s[..., 0], s[..., 2]), exam.weights),
        "f1": estimate(parts, lambda s: scores.f1(s[..., 0], s[..., 1], s[..., 2]), exam.weights),
    }


def _average_precision(exam: Exam, gold: Flags, chances: Floats) -> Estimate:
    value = float(scores.average_precision(gold, chances)[0])
    return from_samples(value, scores.average_precision(gold, chances, exam.weights), len(gold))


def choice(exam: Exam, gold: Flags | None, decided: Flags | None, classes: Sequence[str]) -> Result | None:
    """Judge columns of which one is true; a row with none true is wrong."""
    if gold is None or decided is None:
        return None
    found = detection(exam, gold, decided, [(each, each.capitalize()) for each in classes])
    accuracy = share(np.asarray((gold & decided).any(axis=1)), exam.weights)
    return Result(measures={"accuracy": accuracy, "macro_f1": found.measures["macro_f1"]}, rows=found.rows)


def share(right: Flags, weights: Floats) -> Estimate:
    """How many of the comments are right."""
    parts = np.stack([right, np.ones_like(right)], axis=1).astype(float)
    return estimate(parts, lambda s: scores.ratio(s[..., 0], s[..., 1]), weights)


def single_f1(exam: Exam, gold: Flags | None, decided: Flags) -> Estimate:
    """F1 of one yes-or-no question."""
    assert gold is not None
    return estimate(scores.counts(gold[:, None], decided[:, None]), scores.micro_f1, exam.weights)


def kappa(exam: Exam, truth: Floats | None, level: Floats) -> Estimate:
    """Agreement on the level, over comments where both sides give one; levels are rounded to whole ones."""
    assert truth is not None
    both = ~np.isnan(truth) & ~np.isnan(level)
    one, other = (np.rint(levels[both]).astype(int) - LEVELS[0] for levels in (truth, level))
    cells = scores.confusions(one, other, len(LEVELS))
    return estimate(cells, scores.quadratic_kappa, exam.weights[:, both])


def bins(parts: Floats) -> list[Bin]:
    """The points of a reliability diagram, from `scores.reliability`; empty bins are left out."""
    count, mass, hits = parts.sum(axis=0)
    return [
        Bin(int(count[at]), float(mass[at] / count[at]), float(hits[at] / count[at]))
        for at in range(BINS)
        if count[at]
    ]
