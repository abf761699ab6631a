"""Every figure of two systems on the same comments, with the interval of its difference. No text of a comment.

    comparison(exam, predictions_of_a, predictions_of_b)  →  measures, labels, calibration, slices

Differences are b minus a and paired: both are measured on the same resamples of the comments.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluation.behaviour.results import Verdicts, judge
from evaluation.behaviour.suite import Suite
from evaluation.exam import Exam, Slice
from evaluation.intervals import ENOUGH, Estimate, difference, draw, estimate
from evaluation.judging import Result, kappa
from evaluation.predictions import Predictions
from evaluation.report import HEADLINE, UNPAIRED
from evaluation.scores import Flags, ratio
from evaluation.tasks import TASKS, measure_slice

CALIBRATION = ("labels_ece", "labels_ece_above", "sentiment_ece")
"""Calibration errors: of all labels, of their probabilities over 0.1, of the sentiment."""
_Results = Mapping[str, Result | None]


def comparison(exam: Exam, a: Predictions, b: Predictions) -> dict[str, Any]:
    """What the report holds of the labelled comments."""
    first, second = ({task.name: task.measure(exam, said) for task in TASKS} for said in (a, b))
    return {
        "measures": [
            {"task": task, "measure": measure, "title": f"{title} {name}", **found}
            for task, measure, title, name in HEADLINE
            if (found := _headline(exam, (a, b), (first, second), task, measure)) is not None
        ],
        "labels": [one for task in ("issues", "strengths") for one in _labels(first, second, task)],
        "calibration": [
            {"measure": measure, **found}
            for measure in CALIBRATION
            if (found := _measure(first, second, "calibration", measure)) is not None
        ],
        "slices": [_slice(exam, part, a, b) for part in [*exam.slices(), *_asked(exam)]],
    }


def behaviour(suite: Suite, a: Predictions, b: Predictions, exam: Exam, *, seed: int) -> dict[str, Any]:
    """Pass rates on the behaviour tests, case by case: of all, and of each capability, with the cases that b alone
    does not pass (`lost`) and those that a alone does not (`gained`)."""
    first, second = (_passed(suite, judge(suite, said, exam.taxonomy)) for said in (a, b))
    of = np.array([test.capability for test in suite for _ in test.cases])
    capabilities = dict.fromkeys(test.capability for test in suite)
    return {
        **_rates(first, second, seed),
        "capabilities": [
            {"name": name, **_rates(first[of == name], second[of == name], seed)} for name in capabilities
        ],
    }


def _passed(suite: Suite, verdicts: list[Verdicts]) -> Flags:
    """One value a case; a test that a system does not answer is one that it does not pass."""
    pairs = zip(suite, verdicts, strict=True)
    return np.array([passed for test, found in pairs for passed in found or [False] * len(test.cases)])


def _rates(a: Flags, b: Flags, seed: int) -> dict[str, Any]:
    weights = draw(len(a), seed=seed)
    ones = np.ones(len(a))
    rates = [
        estimate(np.stack([each, ones], axis=1), lambda s: ratio(s[..., 0], s[..., 1]), weights)
        for each in (a, b)
    ]
    moved = {"lost": int((a & ~b).sum()), "gained": int((b & ~a).sum())}
    return {"n": len(a)} | moved | _pair(*rates)


def _headline(
    exam: Exam,
    said: tuple[Predictions, Predictions],
    results: tuple[_Results, _Results],
    task: str,
    measure: str,
) -> dict[str, Any] | None:
    if (task, measure) != UNPAIRED:
        return _measure(*results, task, measure)
    a, b = said
    if a.empathy is None or a.empathy_level is None or b.empathy is None or b.empathy_level is None:
        return None
    # By itself each system is asked for a level where it hears any empathy: here, where both do.
    heard = a.empathy & b.empathy
    levels = (np.where(heard, level, np.nan) for level in (a.empathy_level, b.empathy_level))
    return _pair(*(kappa(exam, exam.gold.empathy_level, level) for level in levels))


def _measure(a: _Results, b: _Results, task: str, measure: str) -> dict[str, Any] | None:
    first, second = a[task], b[task]
    if first is None or second is None or measure not in first.measures or measure not in second.measures:
        return None
    return _pair(first.measures[measure], second.measures[measure])


def _labels(a: _Results, b: _Results, task: str) -> list[dict[str, Any]]:
    first, second = a[task], b[task]
    if first is None or second is None:
        return []
    return [
        {
            "id": one.id,
            "title": one.title,
            "task": task,
            "support": one.support,
            "enough": one.support >= ENOUGH,
        }
        | _pair(one.measures["f1"], other.measures["f1"])
        for one, other in zip(first.rows, second.rows, strict=True)
    ]


def _slice(exam: Exam, part: Slice, a: Predictions, b: Predictions) -> dict[str, Any]:
    first, second = (measure_slice(exam, part, said) for said in (a, b))
    measures = {name: _pair(first[name], second[name]) for name in first if name in second}
    return {"kind": part.kind, "name": part.name, "n": int(part.chosen.sum()), "measures": measures}


def _asked(exam: Exam) -> list[Slice]:
    """With and without a question."""
    asked = np.array([bool(comment.question) for comment in exam.comments])
    both = (Slice("question", "with a question", asked), Slice("question", "without", ~asked))
    return [part for part in both if part.chosen.any()]


def _pair(a: Estimate, b: Estimate) -> dict[str, Any]:
    return {"a": a.to_dict(), "b": b.to_dict(), "difference": difference(b, a).to_dict()}
