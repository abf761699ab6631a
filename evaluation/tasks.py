"""The questions of the exam, one `Task` each: what is asked, and how an answer is judged.

    results = {task.name: task.measure(exam, predictions) for task in TASKS}

A task gives None for a system that does not answer it. Macro-F1 is the mean over labels with at least one
positive among the comments; micro-F1 pools all decisions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from evaluation import scores
from evaluation.evidence import agreement
from evaluation.exam import Exam, Slice
from evaluation.intervals import Estimate, estimate, estimate_above_zero
from evaluation.judging import Result, Row, bins, choice, detection, kappa, share, single_f1
from evaluation.predictions import EFFORTS, LOYALTIES, SENTIMENTS, Predictions
from evaluation.scores import Flags, Floats
from evaluation.selection import review, risk_coverage
from models.taxonomy import Polarity


@dataclass(frozen=True)
class Task:
    """One question of the exam."""

    name: str
    title: str
    about: str
    measure: Callable[[Exam, Predictions], Result | None]


def _mentions(polarity: Polarity, exam: Exam, predictions: Predictions) -> Result | None:
    if predictions.labels is None or exam.gold.labels is None:
        return None
    columns, labels = exam.columns(polarity)
    chances = predictions.label_probabilities
    return detection(
        exam,
        exam.gold.labels[:, columns],
        predictions.labels[:, columns],
        [(label.id, label.name) for label in labels],
        None if chances is None else chances[:, columns],
    )


def _sentiment(exam: Exam, predictions: Predictions) -> Result | None:
    found = choice(exam, exam.gold.sentiment, predictions.sentiment, SENTIMENTS)
    if found is None:
        return None
    measures = dict(found.measures)
    if predictions.sentiment_level is not None:
        measures["level_kappa"] = kappa(exam, exam.gold.sentiment_level, predictions.sentiment_level)
    if predictions.mixed is not None:
        measures["mixed_f1"] = single_f1(exam, exam.gold.mixed, predictions.mixed)
    return Result(measures=measures, rows=found.rows)


def _empathy(exam: Exam, predictions: Predictions) -> Result | None:
    gold, said = exam.gold.empathy, predictions.empathy
    if gold is None or said is None:
        return None
    measures = {"gate_f1": single_f1(exam, gold, said)}
    level = predictions.empathy_level
    if level is not None:
        truth = exam.gold.empathy_level
        measures["level_kappa"] = kappa(exam, truth, np.where(said, level, np.nan))
        either = gold | said
        unsaid_as_zero = [_zero_unsaid(levels, either) for levels in (truth, np.where(said, level, np.nan))]
        measures["level_kappa_either"] = kappa(exam, *unsaid_as_zero)
    rows = detection(exam, gold[:, None], said[:, None], [("empathy", "Expressed")]).rows
    return Result(measures=measures, rows=rows)


def _sides(name: str, classes: Sequence[str], exam: Exam, predictions: Predictions) -> Result | None:
    gold, decided = getattr(exam.gold, name), getattr(predictions, name)
    if gold is None or decided is None:
        return None
    return detection(exam, gold, decided, [(each, each.capitalize()) for each in classes])


def _intent(exam: Exam, predictions: Predictions) -> Result | None:
    return choice(exam, exam.gold.intent, predictions.intent, exam.taxonomy.intents)


def _touchpoints(exam: Exam, predictions: Predictions) -> Result | None:
    if predictions.touchpoints is None or exam.gold.touchpoints is None:
        return None
    names = [(t.key, t.name) for t in exam.taxonomy.touchpoints]
    return detection(exam, exam.gold.touchpoints, predictions.touchpoints, names)


def _evidence(exam: Exam, predictions: Predictions) -> Result | None:
    measures = agreement(exam, predictions)
    return None if measures is None else Result(measures=measures)


def _calibration(exam: Exam, predictions: Predictions) -> Result | None:
    chances, gold = predictions.label_probabilities, exam.gold.labels
    if chances is None or gold is None:
        return None
    groups = {"labels": (gold, chances, exam.weights)}
    for name, polarity in (("issues", "issue"), ("strengths", "strength")):
        columns, _ = exam.columns(polarity)  # type: ignore[arg-type]
        groups[name] = (gold[:, columns], chances[:, columns], exam.weights)
    tones, truth = predictions.sentiment_probabilities, exam.gold.sentiment
    if tones is not None and truth is not None:
        read = ~np.isnan(tones).any(axis=1)
        right = np.take_along_axis(truth[read], tones[read].argmax(axis=1)[:, None], axis=1)
        groups["sentiment"] = (right, tones[read].max(axis=1, keepdims=True), exam.weights[:, read])
    parts = {name: (scores.reliability(g, p), w) for name, (g, p, w) in groups.items()}
    above = estimate_above_zero(
        parts["labels"][0], lambda s: scores.calibration_error(s[..., 1:]), exam.weights
    )
    measures = {"labels_ece_above": above} | {
        f"{name}_ece": estimate_above_zero(each, scores.calibration_error, weights)
        for name, (each, weights) in parts.items()
    }
    rows = [
        Row(label.id, label.name, int(gold[:, at].sum()), int((chances[:, at] >= 0.5).sum()), {"ece": error})
        for at, label in enumerate(exam.taxonomy.labels)
        for error in [_label_error(exam, gold[:, at], chances[:, at])]
    ]
    return Result(measures=measures, rows=rows, bins={name: bins(each) for name, (each, _) in parts.items()})


def _label_error(exam: Exam, gold: Flags, chances: Floats) -> Estimate:
    parts = scores.reliability(gold[:, None], chances[:, None])
    return estimate_above_zero(parts, scores.calibration_error, exam.weights)


def _review(exam: Exam, predictions: Predictions) -> Result | None:
    measures, curve = review(exam, predictions), risk_coverage(exam, predictions)
    return Result(measures=measures, curve=curve) if measures or curve else None


TASKS = (
    Task("issues", "Issues", "Which of the ten issues a comment holds.", partial(_mentions, "issue")),
    Task(
        "strengths",
        "Strengths",
        "Which of the ten strengths a comment holds.",
        partial(_mentions, "strength"),
    ),
    Task(
        "sentiment", "Sentiment", "Negative, neutral or positive; five levels by weighted kappa.", _sentiment
    ),
    Task("empathy", "Empathy", "Whether perceived empathy is expressed, and its level.", _empathy),
    Task(
        "effort",
        "Effort",
        "Whether the comment says that it was easy or hard.",
        partial(_sides, "effort", EFFORTS),
    ),
    Task(
        "loyalty",
        "Loyalty",
        "Whether the customer is leaving or staying.",
        partial(_sides, "loyalty", LOYALTIES),
    ),
    Task("intent", "Intent", "What the comment is for.", _intent),
    Task("touchpoints", "Touchpoints", "Which places of the journey it speaks about.", _touchpoints),
    Task(
        "evidence",
        "Evidence",
        "Whether the words quoted for a correct label are the annotated ones.",
        _evidence,
    ),
    Task(
        "calibration", "Calibration", "Whether a probability of 0.7 comes true 7 times in 10.", _calibration
    ),
    Task("review", "Review", "Whether it knows when a person should look.", _review),
)


def measure_slice(exam: Exam, part: Slice, predictions: Predictions) -> dict[str, Estimate]:
    """The figures that a slice is judged by, over the comments of the slice."""
    weights = exam.weights[:, part.chosen]
    found = {}
    for name, polarity in (("issues", "issue"), ("strengths", "strength")):
        if predictions.labels is not None and exam.gold.labels is not None:
            columns, _ = exam.columns(polarity)  # type: ignore[arg-type]
            gold, decided = (rows[part.chosen][:, columns] for rows in (exam.gold.labels, predictions.labels))
            found[f"{name}_micro_f1"] = estimate(scores.counts(gold, decided), scores.micro_f1, weights)
    if predictions.sentiment is not None and exam.gold.sentiment is not None:
        right = (exam.gold.sentiment & predictions.sentiment)[part.chosen].any(axis=1)
        found["sentiment_accuracy"] = share(np.asarray(right), weights)
    return found


def _zero_unsaid(levels: Floats | None, either: Flags) -> Floats:
    assert levels is not None
    return np.where(either, np.nan_to_num(levels), np.nan)
