"""Calibration recovers what was put in; thresholds of rare labels lean on the common one."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.gold import read_labelled
from models import taxonomy
from models.heads import Layout
from training.calibrate import calibrate, choose_thresholds, platt_scaling, temperature_scaling

ROOT = Path(__file__).parents[2]
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
    slope, intercept = platt_scaling(logits, logits < 0)
    assert slope > 0
    # What is left to tell is how common it is.
    assert (1 / (1 + np.exp(-(slope * logits + intercept)))).mean() == pytest.approx(
        (logits < 0).mean(), abs=0.02
    )


def test_a_label_that_nobody_held_out_has_is_found_where_it_is_likely(tmp_path: Path) -> None:
    tax = taxonomy.load()
    comments = read_labelled(ROOT / "training" / "corpus" / "b.jsonl", tax)[:30]
    _, thresholds = calibrate(RANDOM.normal(-3, 1, (30, LAYOUT.width - 1)), comments, tax)
    held = {mention.id for one in comments for mention in one.labels.mentions}
    without = [name for name in LAYOUT.labels if name not in held]
    assert without
    assert all(thresholds[name] >= 0.5 for name in without)


def test_temperature_scaling_cools_what_is_too_sure() -> None:
    logits = RANDOM.normal(0, 1, (5_000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([RANDOM.choice(3, p=row) for row in chances])
    assert temperature_scaling(3 * logits, targets) == pytest.approx(3.0, rel=0.1)


def test_temperature_of_nothing_is_one() -> None:
    assert temperature_scaling(np.zeros((0, 5)), np.zeros(0, dtype=np.int64)) == 1.0


def test_a_threshold_is_that_of_the_best_f1() -> None:
    # Probabilities that mean what they say, so that the F1 that comes out is the one expected.
    probabilities = RANDOM.beta(0.4, 1.6, (40_000, 2))
    truth = RANDOM.random(probabilities.shape) < probabilities
    thresholds = choose_thresholds(probabilities.astype(np.float32), ("one", "other"))

    def f1(at: float) -> float:
        decided = probabilities[:, 0] >= at
        return float(2 * (decided & truth[:, 0]).sum() / (decided.sum() + truth[:, 0].sum()))

    assert list(thresholds) == ["one", "other"]
    assert f1(thresholds["one"]) == pytest.approx(
        max(f1(at) for at in np.arange(0.05, 0.95, 0.01)), abs=0.005
    )
    assert thresholds["one"] == pytest.approx(f1(thresholds["one"]) / 2, abs=0.02)


def test_what_is_known_poorly_gets_a_low_threshold_and_what_is_known_well_one_near_half() -> None:
    sure = np.where(np.arange(1_000) < 200, 0.99, 0.001)
    unsure = np.where(np.arange(1_000) < 200, 0.3, 0.02)
    found = choose_thresholds(np.stack([sure, unsure], axis=1).astype(np.float32), ("sure", "unsure"))
    assert found["sure"] == pytest.approx(0.5, abs=0.01)
    assert 0.1 < found["unsure"] < 0.25
