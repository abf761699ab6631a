"""What a score goes with: the impact of every issue and strength, and every theme's share of the score's spread.

    found = drivers(tags, scores, themes=[(0, 1), (2, 3)], errors=[{"tp": 90, …}, …])
    found.impacts[0].observed, found.impacts[0].corrected, found.shares[0].share

Associated with, never caused by: these are the comments of people who chose what to write of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.statistics.estimate import Estimate
from service.statistics.shapley import shares

Floats = NDArray[np.float64]

RESAMPLES = 200
MIN_SUPPORT = 10
"""Comments with and without a label, below which nothing is said of it."""
_ENDS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Impact:
    """What leaving out the comments with one label takes from the mean score; None where too few have it.

    `observed` counts tags, and is attenuated by the tagger's errors; `corrected` is what it would be by true
    labels, None where the card says too little.
    """

    n: int
    observed: Estimate | None
    corrected: Estimate | None


@dataclass(frozen=True, slots=True)
class Drivers:
    """One `impacts` for each column of tags, one of `shares` for each theme (parts of `r2`)."""

    n: int
    impacts: tuple[Impact, ...]
    shares: tuple[Estimate | None, ...]
    r2: Estimate


def drivers(
    tags: Floats,
    scores: Floats,
    themes: Sequence[Sequence[int]],
    errors: Sequence[Mapping[str, int] | None],
    *,
    seed: int = 0,
) -> Drivers:
    """What `scores` (n,) go with among `tags` (n, labels) of 0 and 1; n >= 2, the scores not all alike.

    Impact: the mean of all comments less that of those without the label (as feedback tools define it). Shares:
    exact Shapley shares of R² over the themes, each with all its columns. Intervals are percentiles of 200
    bootstrap resamples of comments (Efron 1979), the same ones for every figure; those of `corrected` draw the
    tagger's error rates anew as well.
    """
    rng = np.random.default_rng(seed)
    n, labels = tags.shape
    # Comments alike are drawn together; the first row of weights is the comments themselves.
    alike, times = np.unique(np.column_stack([tags, scores]), axis=0, return_counts=True)
    tags, scores = alike[:, :-1], alike[:, -1]
    weights = np.vstack([times, rng.multinomial(n, times / n, RESAMPLES)]).astype(float)
    support = times @ tags
    known = (support >= MIN_SUPPORT) & (n - support >= MIN_SUPPORT)
    by_label = tuple(
        _impact(weights, tags[:, label], scores, errors[label], rng)
        if known[label]
        else Impact(int(support[label]), None, None)
        for label in range(labels)
    )
    groups = [[column for column in theme if known[column]] for theme in themes]
    parts = shares(_moments(weights, tags, scores), [group for group in groups if group])
    rest = iter(_estimate(part) for part in parts.T)
    return Drivers(
        n, by_label, tuple(next(rest) if group else None for group in groups), _estimate(parts.sum(1))
    )


def _impact(
    weights: Floats, tag: Floats, scores: Floats, errors: Mapping[str, int] | None, rng: np.random.Generator
) -> Impact:
    share = weights @ tag / weights.sum(1)
    with_tag = weights @ (tag * scores) / np.maximum(weights @ tag, 1)
    without = weights @ ((1 - tag) * scores) / np.maximum(weights @ (1 - tag), 1)
    gap = with_tag - without
    return Impact(int(weights[0] @ tag), _estimate(share * gap), _corrected(share, gap, errors, rng))


def _corrected(
    share: Floats, gap: Floats, errors: Mapping[str, int] | None, rng: np.random.Generator
) -> Estimate | None:
    """The impact of the true label, where the tagger errs whatever the score.

    The gap between tagged and untagged is the true gap times PPV + NPV - 1 = r(1-r)(se+sp-1) / c(1-c), where c of
    the comments are tagged and r = (c+sp-1) / (se+sp-1) are truly so; the true impact is r times the true gap.
    (Misclassification of a binary covariate: Carroll et al. 2006, Measurement Error in Nonlinear Models, ch. 2.)
    """
    if errors is None or errors["tp"] + errors["fn"] == 0 or errors["tn"] + errors["fp"] == 0:
        return None
    drawn = len(share) - 1
    sensitivity = _drawn(errors["tp"], errors["fn"], drawn, rng)
    specificity = _drawn(errors["tn"], errors["fp"], drawn, rng)
    youden = sensitivity + specificity - 1
    rate = (share + specificity - 1) / np.where(youden == 0, np.nan, youden)
    sound = (youden > 0) & (rate > 0) & (rate < 1)
    # Where the counts do not rule out that no tag is true, nothing can be said of the true ones.
    if not sound[0] or np.mean(sound) < 0.975:
        return None
    impact = gap[sound] * share[sound] * (1 - share[sound]) / ((1 - rate[sound]) * youden[sound])
    return _estimate(impact)


def _drawn(hits: int, misses: int, resamples: int, rng: np.random.Generator) -> Floats:
    """A rate as counted, then as it may be (the posterior of Jeffreys)."""
    return np.concatenate([[hits / (hits + misses)], rng.beta(hits + 0.5, misses + 0.5, resamples)])


def _moments(weights: Floats, tags: Floats, scores: Floats) -> Floats:
    """Covariances of all columns, the scores last, for every resample."""
    columns = np.column_stack([tags, scores])
    columns = columns - np.average(columns, axis=0, weights=weights[0])
    n, width = weights[0].sum(), columns.shape[1]
    pairs = (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1)
    means = weights @ columns / n
    products = (weights @ pairs / n).reshape(-1, width, width)
    covariances: Floats = products - means[:, :, None] * means[:, None, :]
    return covariances


def _estimate(values: Floats) -> Estimate:
    """The first value, with the percentiles of the others."""
    low, high = np.percentile(values[1:], _ENDS)
    return Estimate(float(values[0]), min(float(low), float(values[0])), max(float(high), float(values[0])))
