"""Bootstrap intervals: they cover what they should, repeat with their seed, and pair systems."""

import numpy as np
import pytest

from evaluation import scores
from evaluation.intervals import Estimate, difference, draw, estimate, estimate_above_zero
from evaluation.scores import Flags, Floats


def share(summed: Floats) -> Floats:
    return scores.ratio(summed[..., 0], summed[..., 1])


def parts_of(right: Flags) -> Floats:
    return np.stack([right, np.ones_like(right)], axis=1).astype(float)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """300 samples of 150 comments, accuracy 0.7: 95 % intervals hold it in 91 to 98 of 100 cases."""
    random, weights = np.random.default_rng(1), draw(150, seed=2, resamples=400)
    samples = random.random((300, 150)) < 0.7
    found = [estimate(parts_of(sample), share, weights) for sample in samples]
    assert 0.91 <= np.mean([each.low <= 0.7 <= each.high for each in found]) <= 0.98


def test_interval_has_the_width_of_theory() -> None:
    found = estimate(parts_of(np.arange(400) < 300), share, draw(400, seed=0))
    assert found.value == 0.75
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 400), rel=0.15)


def test_the_same_seed_draws_the_same() -> None:
    assert (draw(20, seed=3, resamples=5) == draw(20, seed=3, resamples=5)).all()
    assert (draw(20, seed=3, resamples=5) != draw(20, seed=4, resamples=5)).any()
    assert (draw(20, seed=3, resamples=5).sum(axis=1) == 20).all()


def test_an_undefined_figure_has_no_interval_and_is_null() -> None:
    found = estimate(np.zeros((5, 2)), share, draw(5, seed=0, resamples=10))
    assert found.to_dict() == {"value": None, "low": None, "high": None, "n": 5}


def test_a_figure_over_no_comments_is_undefined() -> None:
    found = estimate(np.zeros((0, 5, 5)), scores.quadratic_kappa, np.zeros((10, 0)))
    assert np.isnan(found.value)
    assert found.n == 0


def test_a_difference_is_paired() -> None:
    """A system that is right wherever another is, and on ten more, is better in every resample."""
    weights = draw(200, seed=0)
    one, other = (estimate(parts_of(np.arange(200) < right), share, weights) for right in (120, 110))
    gap = difference(one, other)
    assert gap.value == pytest.approx(0.05)
    assert 0 < gap.low < gap.high < 0.1
    assert one.low < other.high  # unpaired, the two could not be told apart


def test_an_estimate_is_rounded_in_the_report() -> None:
    assert Estimate(1 / 3, 0.25, 0.5, 9).to_dict() == {"value": 0.3333, "low": 0.25, "high": 0.5, "n": 9}


def calibrated(random: np.random.Generator, error: float) -> Floats:
    """Reliability of 900 comments, half of them with probabilities that are too high by `error`."""
    chances = random.beta(0.4, 3, size=(900, 1)) * (1 - error)
    off = np.where(np.arange(900)[:, None] < 450, error, 0.0)
    return scores.reliability(random.random((900, 1)) < chances, chances + off)


def test_a_calibration_error_lies_in_its_interval() -> None:
    """Percentiles lie above the figure that they are of, for chance raises it twice: they hold none of a true 0."""
    random, weights = np.random.default_rng(4), draw(900, seed=5, resamples=300)
    perfect = [calibrated(random, 0.0) for _ in range(60)]
    basic = [estimate_above_zero(parts, scores.calibration_error, weights) for parts in perfect]
    percentiles = [estimate(parts, scores.calibration_error, weights) for parts in perfect]
    assert all(one.low <= one.value <= one.high for one in basic)
    assert np.mean([one.low == 0 for one in basic]) > 0.4
    assert np.mean([one.low == 0 for one in percentiles]) < 0.05
    # Half of the comments are off by 0.1.
    wrong = [
        estimate_above_zero(calibrated(random, 0.1), scores.calibration_error, weights) for _ in range(60)
    ]
    assert np.mean([one.low <= 0.05 <= one.high for one in wrong]) > 0.85
