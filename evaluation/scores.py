"""Pure functions from counts, scores and truths to the figures of a report. Numpy only.

A figure that is undefined (a precision with nothing predicted, a recall with nothing there) is NaN, never 0.
Counts may have any number of leading axes: a bootstrap gives 1,000 resamples at once.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 10


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """`part / whole`, NaN where `whole` is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, np.nan, part / whole)


def counts(truth: Flags, decided: Flags) -> Floats:
    """True positives, false positives and false negatives of each item, shape (n, 3, labels)."""
    return np.stack([truth & decided, ~truth & decided, truth & ~decided], axis=1).astype(float)


def precision(tp: ArrayLike, fp: ArrayLike) -> Floats:
    """Of what was predicted, the share that is there."""
    return ratio(tp, np.add(tp, fp))


def recall(tp: ArrayLike, fn: ArrayLike) -> Floats:
    """Of what is there, the share that was predicted."""
    return ratio(tp, np.add(tp, fn))


def f1(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> Floats:
    """Harmonic mean of precision and recall, 2tp / (2tp + fp + fn) (van Rijsbergen 1979).

    NaN where a label neither is there nor was predicted.
    """
    return ratio(np.multiply(tp, 2), np.multiply(tp, 2) + np.add(fp, fn))


def micro_f1(summed: Floats) -> Floats:
    """F1 of all decisions pooled; `summed` has shape (..., 3, labels), as `counts` summed over items."""
    pooled = summed.sum(axis=-1)
    return f1(pooled[..., 0], pooled[..., 1], pooled[..., 2])


def macro_f1(summed: Floats, present: Flags) -> Floats:
    """Mean F1 over the labels that are `present`, shape (labels,); `summed` as for `micro_f1`.

    A label that a resample neither holds nor predicts is left out of that resample's mean.
    """
    each = f1(summed[..., 0, :], summed[..., 1, :], summed[..., 2, :])[..., present]
    known = ~np.isnan(each)
    return ratio(np.where(known, each, 0).sum(axis=-1), known.sum(axis=-1))


def average_precision(truth: Flags, scores: Floats, weights: Floats | None = None) -> Floats:
    """Area under the precision-recall curve as a step function, as scikit-learn defines it.

    `truth` and `scores` have shape (n,), `weights` (resamples, n); one value a resample, NaN where it holds
    no positive. Equal scores are one step.
    """
    weights = np.ones((1, len(truth))) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    steps = np.append(np.flatnonzero(np.diff(scores[order])), len(truth) - 1)
    weight = weights[:, order]
    hits = np.cumsum(weight * truth[order], axis=1)[:, steps]
    seen = np.cumsum(weight, axis=1)[:, steps]
    gained = np.diff(hits, axis=1, prepend=0)
    return ratio((gained * hits / np.maximum(seen, 1e-12)).sum(axis=1), hits[:, -1])


def best_threshold(truth: Flags, scores: Floats) -> float:
    """The threshold with the highest F1, half-way to the next lower score; 0.5 if nothing is there.

    To be fitted on scores that the scorer was not trained on, never on the data that is reported.
    """
    if not truth.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    best = ends[np.argmax(2 * hits[ends] / (ends + 1 + truth.sum()))]
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best]
    return float((ranked[best] + below) / 2)


def reliability(truth: Flags, probabilities: Floats) -> Floats:
    """What a reliability diagram is drawn from, shape (n, 3, BINS): count, probability mass and hits.

    `truth` and `probabilities` have shape (n, k); bins are of equal width, each closed below.
    """
    place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    inside = place[:, :, None] == np.arange(BINS)
    parts = (inside, inside * probabilities[:, :, None], inside & truth[:, :, None])
    return np.stack([part.sum(axis=1) for part in parts], axis=1).astype(float)


def calibration_error(summed: Floats) -> Floats:
    """Expected calibration error, from `reliability` summed over items, shape (..., 3, BINS).

    The mean gap between probability and frequency over bins, weighted by their counts (Naeini et al. 2015,
    Guo et al. 2017).
    """
    gap = np.abs(summed[..., 1, :] - summed[..., 2, :]).sum(axis=-1)
    return ratio(gap, summed[..., 0, :].sum(axis=-1))


def quadratic_kappa(confusion: Floats) -> Floats:
    """Weighted kappa with quadratic weights (Cohen 1968); `confusion` has shape (..., k, k).

    1 is perfect, 0 is what chance gives, NaN where only one level occurs on both sides.
    """
    levels = np.arange(confusion.shape[-1])
    cost = np.square(levels[:, None] - levels[None, :])
    total = confusion.sum(axis=(-2, -1))
    expected = confusion.sum(axis=-1)[..., :, None] * confusion.sum(axis=-2)[..., None, :]
    observed_cost = (confusion * cost).sum(axis=(-2, -1)) * total
    return 1 - ratio(observed_cost, (expected * cost).sum(axis=(-2, -1)))


def confusions(truth: NDArray[np.int_], decided: NDArray[np.int_], size: int) -> Floats:
    """Each item's cell in the confusion matrix, shape (n, size, size); levels count from 0."""
    cells = np.zeros((len(truth), size, size))
    cells[np.arange(len(truth)), truth, decided] = 1
    return cells
