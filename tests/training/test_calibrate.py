"""Calibration recovers what was put in; thresholds of rare labels lean on the common one."""

import numpy as np
import pytest

from models import taxonomy
from models.heads import Layout, sigmoid
from training.calibrate import choose_thresholds, platt_scaling, temperature_scaling

LAYOUT = Layout(taxonomy.load())
RANDOM = np.random.default_rng(0)


def test_platt_scaling_recovers_slope_and_intercept() -> None:
    logits = RANDOM.normal(0, 3, 20_000)
    truth = RANDOM.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    slope, intercept = platt_scaling(logits, truth)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert intercept == pytest.approx(-1.0, abs=0.06)


@pytest.mark.parametrize("truth", [np.zeros(50, dtype=bool), np.ones(50, dtype=bool)])
def test_platt_scaling_of_one_class_stays_finite_and_rising(truth: np.ndarray) -> None:
    slope, intercept = platt_scaling(RANDOM.normal(0, 1, 50), truth)
    assert slope > 0
    assert np.isfinite(intercept)


def test_platt_scaling_never_turns_a_label_round() -> None:
    logits = RANDOM.normal(0, 1, 200)
    assert platt_scaling(logits, logits < 0)[0] > 0


def test_temperature_scaling_cools_what_is_too_sure() -> None:
    logits = RANDOM.normal(0, 1, (5_000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([RANDOM.choice(3, p=row) for row in chances])
    assert temperature_scaling(3 * logits, targets) == pytest.approx(3.0, rel=0.1)


def test_temperature_of_nothing_is_one() -> None:
    assert temperature_scaling(np.zeros((0, 5)), np.zeros(0, dtype=np.int64)) == 1.0


def probabilities_and_truth() -> tuple[np.ndarray, np.ndarray]:
    truth = RANDOM.random((3_000, len(LAYOUT.detected))) < 0.2
    truth[:, 3] = False
    truth[:4, 3] = True  # a rare label whose own best threshold is luck
    logits = np.where(truth, 1.0, -2.0) + RANDOM.normal(0, 1.2, truth.shape)
    logits[:4, 3] = [5.0, 5.0, 5.0, 5.0]
    return sigmoid(logits.astype(np.float32)), truth


def test_a_rare_label_leans_on_the_common_threshold() -> None:
    probabilities, truth = probabilities_and_truth()
    shrunk = choose_thresholds(probabilities, truth, LAYOUT, shrinkage=30)
    own = choose_thresholds(probabilities, truth, LAYOUT, shrinkage=0)
    rare, common = LAYOUT.detected[3], LAYOUT.detected[4]
    assert own[rare] > 0.85
    assert abs(shrunk[rare] - shrunk[common]) < 0.2
    assert abs(shrunk[common] - own[common]) < 0.05


def test_a_chosen_threshold_is_near_the_best() -> None:
    probabilities, truth = probabilities_and_truth()
    name = LAYOUT.detected[4]
    threshold = choose_thresholds(probabilities, truth, LAYOUT, shrinkage=30)[name]

    def f1(at: float) -> float:
        decided = probabilities[:, 4] >= at
        return 2 * (decided & truth[:, 4]).sum() / (decided.sum() + truth[:, 4].sum())

    assert f1(threshold) > max(f1(at) for at in np.arange(0.05, 0.95, 0.01)) - 0.02
