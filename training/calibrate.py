"""From held-out logits to probabilities that mean what they say, and to thresholds.

Fitted on the scores of the runtime that serves (int8 ONNX), so that its rounding is calibrated away.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.gold import LabelledComment
from evaluation.scores import Floats
from models.heads import LEVELS, Calibration, Layout, Scores, expected_errors, softmax
from models.taxonomy import Taxonomy
from training.examples import detected_targets

# Strength of the pull of each Platt fit towards (1, 0): about this many comments' worth of doubt.
_PRIOR = 4.0
# A label that the logits do not rank rightly is told by its rate alone, nearly.
_LEAST_SLOPE = 0.05
# Share of the comments that a person should look at: what a team may be able to read, the least certain first.
_REVIEWED = 0.15


def calibrate(
    logits: Scores, comments: Sequence[LabelledComment], taxonomy: Taxonomy
) -> tuple[Calibration, dict[str, float]]:
    """Calibration and thresholds from comment logits, shape (comments, layout.width - 1)."""
    layout = Layout(taxonomy)
    truth = np.stack([detected_targets(comment.labels, layout) for comment in comments]).astype(bool)
    platt = {
        name: platt_scaling(logits[:, column], truth[:, column])
        for column, name in enumerate(layout.detected)
    }
    temperature = {
        name: temperature_scaling(logits[rows][:, columns], targets)
        for name, columns in layout.choices.items()
        for rows, targets in [_choice_targets(name, comments, taxonomy)]
    }
    first = Calibration(platt=platt, temperature=temperature)
    probabilities = first.detected(layout, logits)
    thresholds = choose_thresholds(probabilities, layout.detected)
    for column, name in enumerate(layout.detected):
        # Where nothing tells how its probabilities are ranked, it is found where it is likelier than not.
        if not truth[:, column].any():
            thresholds[name] = max(thresholds[name], 0.5)
    errors = {
        name: error_counts(probabilities[:, column] >= thresholds[name], truth[:, column])
        for column, name in enumerate(layout.labels)
    }
    doubt = doubt_of(probabilities[:, : len(layout.labels)], [thresholds[name] for name in layout.labels])
    return Calibration(platt=platt, temperature=temperature, errors=errors, doubt=doubt), thresholds


def doubt_of(probabilities: Scores, thresholds: Sequence[float]) -> float:
    """The number of expected wrong labels that `_REVIEWED` of the held-out comments reach.

    `probabilities` has shape (comments, labels), `thresholds` is as long as a row.
    """
    if not thresholds:
        return Calibration.doubt
    decided = probabilities >= np.array(thresholds, dtype=np.float32)
    return round(float(np.quantile(expected_errors(probabilities, decided), 1 - _REVIEWED)), 4)


def platt_scaling(logits: NDArray[np.floating], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept by logistic regression on the logit, with Platt's smoothed targets.

    Platt 1999, Probabilistic outputs for support vector machines; the target of a positive is
    (n1 + 1) / (n1 + 2), of a negative 1 / (n0 + 2). The slope stays positive.
    """
    positives, negatives = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    x = logits.astype(float)
    design = np.stack([x, np.ones_like(x)], axis=1)
    slope, intercept = _newton(design, target, np.array([1.0, 0.0]), np.array([_PRIOR, _PRIOR / 16]))
    if slope < _LEAST_SLOPE:
        (intercept,) = _newton(design[:, 1:], target, np.zeros(1), np.array([_PRIOR / 16]), _LEAST_SLOPE * x)
        slope = _LEAST_SLOPE
    return float(slope), float(intercept)


def _newton(
    design: Floats, target: Floats, centre: Floats, pull: Floats, offset: Floats | float = 0.0
) -> Floats:
    """Weights of a logistic regression, each pulled towards its `centre`; `offset` is what is not fitted."""
    weights = centre.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ weights + offset, -30, 30)))
        gradient = design.T @ (p - target) + pull * (weights - centre)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return weights


def temperature_scaling(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """The temperature of least cross-entropy (Guo et al. 2017); 1 where there is nothing to fit on."""
    if len(targets) < 10:
        return 1.0
    candidates = np.exp(np.linspace(np.log(0.3), np.log(4.0), 120))
    rows = np.arange(len(targets))
    losses = [-np.log(softmax(logits / t)[rows, targets] + 1e-12).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def choose_thresholds(probabilities: Scores, names: Sequence[str]) -> dict[str, float]:
    """For each column of calibrated probabilities, shape (comments, names), the threshold of best expected F1.

    Where k comments of the highest probability are given a label, F1 is expected to be about twice the sum of these
    probabilities over k plus the sum of all (Ye et al. 2012, Optimizing F-measures: a tale of two approaches, ICML); at
    its best, the threshold is half of it (Lipton et al. 2014, arXiv 1402.1892). Labels enter by calibration alone: on
    halves of held-out comments this chose better than the best F1 counted, most of all where positives are few.
    """
    ranked = np.sort(probabilities.astype(float), axis=0)[::-1]
    given = np.arange(1, len(ranked) + 1)[:, None]
    expected = 2 * np.cumsum(ranked, axis=0) / (given + ranked.sum(axis=0))
    return {name: round(float(best) / 2, 4) for name, best in zip(names, expected.max(axis=0), strict=True)}


def _choice_targets(
    name: str, comments: Sequence[LabelledComment], taxonomy: Taxonomy
) -> tuple[list[int], NDArray[np.int64]]:
    found = []
    for row, comment in enumerate(comments):
        labels = comment.labels
        if name == "intent":
            found.append((row, taxonomy.intents.index(labels.intent)))
        elif name == "sentiment":
            found.append((row, LEVELS.index(labels.sentiment)))
        elif labels.empathy is not None:
            found.append((row, LEVELS.index(labels.empathy)))
    return [row for row, _ in found], np.array([target for _, target in found], dtype=np.int64)


def error_counts(decided: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, int]:
    """True and false positives and negatives of one label."""
    return {
        "tp": int((decided & truth).sum()),
        "fp": int((decided & ~truth).sum()),
        "fn": int((~decided & truth).sum()),
        "tn": int((~decided & ~truth).sum()),
    }
