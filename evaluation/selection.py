"""Does a model know when it does not know? What is left to it is more often right, the more is given to people.

Comments are ranked by how many of their label decisions are expected to be wrong, from the probabilities alone
(selective classification; El-Yaniv and Wiener 2010). A point of the curve says how right the model is on the
share of comments that it is surest of.
"""

import math
from dataclasses import dataclass

import numpy as np

from evaluation import scores
from evaluation.exam import Exam
from evaluation.intervals import Estimate, estimate
from evaluation.predictions import Predictions
from evaluation.scores import Floats
from models.heads import expected_errors

COVERAGES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class Point:
    """Of the `n` surest comments, a share of `coverage` of all: one minus the micro-F1 of their labels.

    There is no point where these comments neither hold nor were given a label: their F1 is undefined.
    """

    coverage: float
    n: int
    risk: float


def risk_coverage(exam: Exam, predictions: Predictions) -> list[Point]:
    """The curve, from all comments to the surest half; empty for a system without probabilities, see `Point` too."""
    if predictions.labels is None or predictions.label_probabilities is None or exam.gold.labels is None:
        return []
    doubt = expected_errors(predictions.label_probabilities, predictions.labels)
    if predictions.sentiment is not None:
        # What a system declines to read, for its language, it says nothing of: it is not sure of it.
        doubt = np.where(predictions.sentiment.any(axis=1), doubt, np.inf)
    order = np.argsort(doubt, kind="stable")
    parts = scores.counts(exam.gold.labels, predictions.labels)[order]
    points = []
    for coverage in COVERAGES:
        kept = parts[: round(coverage * len(order))]
        points.append(Point(coverage, len(kept), 1 - float(scores.micro_f1(kept.sum(axis=0)))))
    return [point for point in points if not math.isnan(point.risk)]


def review(exam: Exam, predictions: Predictions) -> dict[str, Estimate]:
    """How many comments are flagged for a person, and how right the labels of the others and of these are."""
    flagged = predictions.review
    if flagged is None or predictions.labels is None or exam.gold.labels is None:
        return {}
    parts = scores.counts(exam.gold.labels, predictions.labels)
    wrong = (exam.gold.labels != predictions.labels).any(axis=1)
    both = np.stack([flagged, np.ones_like(flagged)], axis=1).astype(float)
    caught = np.stack([flagged & wrong, wrong], axis=1).astype(float)
    found = {
        "flagged": estimate(both, _ratio, exam.weights),
        "errors_flagged": estimate(caught, _ratio, exam.weights),
    }
    for name, rows in (("micro_f1_unflagged", ~flagged), ("micro_f1_flagged", flagged)):
        if rows.any():
            found[name] = estimate(parts[rows], scores.micro_f1, exam.weights[:, rows])
    return found


def _ratio(summed: Floats) -> Floats:
    return scores.ratio(summed[..., 0], summed[..., 1])
