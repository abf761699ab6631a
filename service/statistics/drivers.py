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
from service.statistics.shapley import MAX_GROUPS, shares

Floats = NDArray[np.float64]

RESAMPLES = 200
UNREAD = -1.0
"""In place of the model's tag, where it found no content: it could not err there."""
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
    """One `impacts` for each column of tags, one of `shares` for each theme.

    The shares are parts of `r2`; what falls below zero, as chance has it where nothing is explained, is shown as 0. Of
    more than `MAX_GROUPS` themes there are none.
    """

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
    of_model: Floats | None = None,
    seed: int = 0,
) -> Drivers:
    """What `scores` (n,) go with among `tags` (n, labels) of 0 and 1; n >= 2, the scores not all alike.

    `of_model` are the tags before people corrected any, whose errors `errors` count, and `UNREAD` where it found no
    content; None if they are `tags` themselves. Impact: the mean of all comments less that of those without the label
    (as feedback tools define it). Shares: exact Shapley shares of R² over the themes, each with all its columns, less
    what so many columns explain by chance (adjusted R²; Ezekiel 1930). Intervals rest on 200 bootstrap resamples of
    comments (Efron 1979), the same ones for every figure: percentiles; of R² and its shares the basic ones (Davison &
    Hinkley 1997, ch. 5), for resamples explain more than there is; those of `corrected` draw the tagger's error rates
    anew as well.
    """
    rng = np.random.default_rng(seed)
    n, labels = tags.shape
    of_model = tags if of_model is None else of_model
    # Comments alike are drawn together; the first row of weights is the comments themselves.
    alike, times = np.unique(np.column_stack([tags, of_model, scores]), axis=0, return_counts=True)
    tags, of_model, scores = alike[:, :labels], alike[:, labels:-1], alike[:, -1]
    weights = np.vstack([times, rng.multinomial(n, times / n, RESAMPLES)]).astype(float)
    support = times @ tags
    known = (support >= MIN_SUPPORT) & (n - support >= MIN_SUPPORT)
    by_label = tuple(
        Impact(
            int(support[label]),
            _estimate(_without(weights, tags[:, label], scores)),
            _corrected(weights, tags[:, label], of_model[:, label], scores, errors[label], rng),
        )
        if known[label]
        else Impact(int(support[label]), None, None)
        for label in range(labels)
    )
    groups = [[column for column in theme if known[column]] for theme in themes]
    explaining = [group for group in groups if group]
    if len(explaining) > MAX_GROUPS:
        # More than can be told apart: what goes with all of them is told, and with none by itself.
        groups, explaining = [[]] * len(groups), [[column for group in explaining for column in group]]
    parts = shares(_moments(weights, tags, scores), explaining)
    adjusted = parts - _by_chance(parts.sum(1), [len(group) for group in explaining], n)
    rest = iter(_basic(here, real) for here, real in zip(parts.T, adjusted.T, strict=True))
    whole = _basic(parts.sum(1), adjusted.sum(1))
    return Drivers(n, by_label, tuple(next(rest) if group else None for group in groups), whole)


def _by_chance(r2: Floats, widths: Sequence[int], n: int) -> Floats:
    """(resamples, groups): what groups of so many columns add to R² even if they explain nothing.

    Together R² less the adjusted one, (1 - R²) k / (n - k - 1), divided by columns.
    """
    columns = np.array(widths, dtype=float)
    apart: Floats = np.outer(1 - r2, columns / max(n - columns.sum() - 1, 1))
    return apart


def _without(weights: Floats, tag: Floats, scores: Floats) -> Floats:
    """The mean of all less the mean of those without the tag, for every resample."""
    rest = weights @ (1 - tag)
    apart: Floats = weights @ scores / weights.sum(1) - weights @ ((1 - tag) * scores) / np.maximum(rest, 1)
    return apart


def _corrected(
    weights: Floats,
    tag: Floats,
    of_model: Floats,
    scores: Floats,
    errors: Mapping[str, int] | None,
    rng: np.random.Generator,
) -> Estimate | None:
    """The impact of the true label, where the tagger errs whatever the score.

    Among comments that it read, the gap between tagged and untagged is the true gap times PPV + NPV - 1 =
    r(1-r)(se+sp-1) / c(1-c), where c of them are tagged and r = (c+sp-1) / (se+sp-1) are truly so.
    (Misclassification of a binary covariate: Carroll et al. 2006, Measurement Error in Nonlinear Models, ch. 2.)
    The comments without content have the labels that people gave them, mostly none.
    """
    if errors is None or errors["tp"] + errors["fn"] == 0 or errors["tn"] + errors["fp"] == 0:
        return None
    tagged, untagged = of_model == 1, of_model == 0
    with_tag, without_tag = weights @ tagged, weights @ untagged
    many = with_tag + without_tag
    share = with_tag / np.maximum(many, 1)
    sums = weights @ (tagged * scores), weights @ (untagged * scores)
    mean = (sums[0] + sums[1]) / np.maximum(many, 1)
    gap = sums[0] / np.maximum(with_tag, 1) - sums[1] / np.maximum(without_tag, 1)
    drawn = len(weights) - 1
    sensitivity = _drawn(errors["tp"], errors["fn"], drawn, rng)
    specificity = _drawn(errors["tn"], errors["fp"], drawn, rng)
    youden = sensitivity + specificity - 1
    rate = (share + specificity - 1) / np.where(youden == 0, np.nan, youden)
    sound = (youden > 0) & (rate > 0) & (rate < 1)
    # Where the counts do not rule out that no tag is true, nothing can be said of the true ones.
    if not sound[0] or np.mean(sound) < 0.975:
        return None
    # The mean of those that were read and have no such label in truth.
    true_gap = gap * share * (1 - share) / np.where(sound, rate * (1 - rate) * youden, np.nan)
    clean, clean_mean = many * (1 - rate), mean - rate * true_gap
    others = (of_model == UNREAD) & (tag == 0)
    without = (clean * clean_mean + weights @ (others * scores)) / (clean + weights @ others)
    return _estimate((weights @ scores / weights.sum(1) - without)[sound])


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


def _basic(here: Floats, adjusted: Floats) -> Estimate:
    """The adjusted value with its basic interval, both within 0 and 1: a part of R².

    To resamples the comments are the world, so that what is explained `here`, chance and all, is the truth that their
    own adjusted values scatter round.
    """
    value = float(adjusted[0])
    low, high = value + float(here[0]) - np.percentile(adjusted[1:], _ENDS[::-1])
    return Estimate(value, min(float(low), value), max(float(high), value)).within(0.0, 1.0)
