"""Figures agree with scikit-learn and with values worked by hand."""

import numpy as np
import pytest
from sklearn import metrics

from evaluation import scores


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_f1_of_labels_agrees_with_scikit_learn(random: np.random.Generator) -> None:
    truth, decided = random.random((200, 5)) < 0.3, random.random((200, 5)) < 0.4
    summed = scores.counts(truth, decided).sum(axis=0)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, decided)
    assert scores.precision(summed[0], summed[1]) == pytest.approx(precision)
    assert scores.recall(summed[0], summed[2]) == pytest.approx(recall)
    assert scores.f1(*summed) == pytest.approx(f1)
    assert scores.micro_f1(summed) == pytest.approx(metrics.f1_score(truth, decided, average="micro"))
    everywhere = np.ones(5, dtype=bool)
    assert scores.macro_f1(summed, everywhere) == pytest.approx(
        metrics.f1_score(truth, decided, average="macro")
    )


def test_what_is_undefined_is_not_zero() -> None:
    """Nothing there and nothing predicted: no figure. Something there and nothing predicted: recall 0."""
    assert np.isnan(scores.f1(0, 0, 0))
    assert np.isnan(scores.precision(0, 0))
    assert scores.recall(0, 3) == 0
    assert scores.f1(0, 0, 3) == 0


def test_macro_f1_leaves_out_labels_that_are_not_there() -> None:
    """Labels with F1 1, 0 and undefined; the last of four is predicted but never there."""
    summed = np.array([[4, 0, 0, 0], [0, 1, 0, 5], [0, 1, 0, 0]], dtype=float)
    present = np.array([True, True, True, False])
    assert scores.macro_f1(summed, present) == 0.5
    assert scores.micro_f1(summed) == pytest.approx(8 / (8 + 6 + 1))


def test_average_precision_agrees_with_scikit_learn_with_ties_and_weights(
    random: np.random.Generator,
) -> None:
    truth, guesses = random.random(300) < 0.2, np.round(random.random(300), 1)
    weights = random.integers(0, 4, size=(3, 300)).astype(float)
    assert scores.average_precision(truth, guesses)[0] == pytest.approx(
        metrics.average_precision_score(truth, guesses)
    )
    expected = [metrics.average_precision_score(truth, guesses, sample_weight=w) for w in weights]
    assert scores.average_precision(truth, guesses, weights) == pytest.approx(expected)


def test_average_precision_without_positives_is_undefined() -> None:
    assert np.isnan(scores.average_precision(np.zeros(4, dtype=bool), np.arange(4.0))).all()


def test_best_threshold_lies_between_the_scores_it_parts() -> None:
    truth = np.array([True, True, False, True, False, False])
    guesses = np.array([0.9, 0.8, 0.3, 0.6, 0.2, 0.1])
    threshold = scores.best_threshold(truth, guesses)
    assert 0.3 < threshold < 0.6
    assert ((guesses >= threshold) == truth).all()


def test_best_threshold_is_the_best_of_all(random: np.random.Generator) -> None:
    truth, guesses = random.random(120) < 0.3, np.round(random.random(120), 2)
    found = metrics.f1_score(truth, guesses >= scores.best_threshold(truth, guesses))
    assert found == pytest.approx(max(metrics.f1_score(truth, guesses >= t) for t in np.unique(guesses)))


def test_best_threshold_of_a_label_never_seen() -> None:
    assert scores.best_threshold(np.zeros(3, dtype=bool), np.array([0.1, 0.2, 0.3])) == 0.5


def test_calibration_error_by_hand() -> None:
    """Ten at 0.9 of which eight come true, ten at 0.2 of which two do: (10 * 0.1 + 10 * 0) / 20."""
    chances = np.repeat([0.9, 0.2], 10)[:, None]
    truth = np.array([True] * 8 + [False] * 2 + [True] * 2 + [False] * 8)[:, None]
    parts = scores.reliability(truth, chances)
    assert parts.shape == (20, 3, 10)
    assert scores.calibration_error(parts.sum(axis=0)) == pytest.approx(0.05)


def test_probabilities_of_zero_and_one_have_a_bin() -> None:
    parts = scores.reliability(np.array([[True, False]]), np.array([[1.0, 0.0]]))
    assert parts[0, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert scores.calibration_error(parts.sum(axis=0)) == 0


def test_quadratic_kappa_agrees_with_scikit_learn(random: np.random.Generator) -> None:
    truth = random.integers(0, 5, size=200)
    decided = np.clip(truth + random.integers(-1, 2, size=200), 0, 4)
    cells = scores.confusions(truth, decided, 5).sum(axis=0)
    expected = metrics.cohen_kappa_score(truth, decided, weights="quadratic")
    assert scores.quadratic_kappa(cells) == pytest.approx(expected)


def test_quadratic_kappa_where_chance_cannot_be_told() -> None:
    assert np.isnan(scores.quadratic_kappa(np.diag([5.0, 0, 0])))
