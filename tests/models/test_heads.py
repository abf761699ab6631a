"""Pooling and calibration do what their formulas say."""

import numpy as np
import pytest

from models import taxonomy
from models.heads import LEVELS, Calibration, Layout, sigmoid, softmax

LAYOUT = Layout(taxonomy.load())


def test_the_layout_covers_every_column_once() -> None:
    assert len(LAYOUT.detected) == 20 + 4 + 10
    slices = [LAYOUT.sentiment, LAYOUT.empathy, LAYOUT.intent]
    covered = [*range(len(LAYOUT.detected)), *(c for part in slices for c in range(part.start, part.stop))]
    assert [*covered, LAYOUT.weight] == list(range(LAYOUT.width))


def test_a_detected_column_is_pooled_by_its_largest_span() -> None:
    scores = np.zeros((3, LAYOUT.width), dtype=np.float32)
    scores[1, 4] = 2.5
    assert LAYOUT.pool(scores, [len(scores)])[0][4] == 2.5


def test_a_choice_is_pooled_by_weight() -> None:
    scores = np.zeros((2, LAYOUT.width), dtype=np.float32)
    scores[0, LAYOUT.sentiment], scores[1, LAYOUT.sentiment] = 1.0, 3.0
    assert LAYOUT.pool(scores, [len(scores)])[0][LAYOUT.sentiment] == pytest.approx(np.full(5, 2.0))
    scores[1, LAYOUT.weight] = 30.0
    assert LAYOUT.pool(scores, [len(scores)])[0][LAYOUT.sentiment] == pytest.approx(np.full(5, 3.0))


def test_calibration_applies_slope_intercept_and_temperature() -> None:
    name = LAYOUT.detected[0]
    calibration = Calibration(platt={name: (2.0, -1.0)}, temperature={"sentiment": 2.0})
    logits = np.zeros(LAYOUT.width - 1, dtype=np.float32)
    logits[0] = 0.5
    logits[LAYOUT.sentiment] = [2, 0, 0, 0, 0]
    assert calibration.detected(LAYOUT, logits)[0] == pytest.approx(0.5)
    expected = np.exp(1) / (np.exp(1) + 4)
    assert calibration.choice(LAYOUT, "sentiment", logits)[0] == pytest.approx(expected)


def test_calibration_survives_storing() -> None:
    before = Calibration({"a": (1.5, -0.2)}, {"intent": 1.2}, {"a": {"tp": 1, "fp": 2, "fn": 3, "tn": 4}})
    assert Calibration.from_dict(before.to_dict()) == before


def test_neither_function_overflows() -> None:
    extreme = np.array([-1e4, 0.0, 1e4], dtype=np.float32)
    assert sigmoid(extreme).tolist() == [0.0, 0.5, 1.0]
    assert softmax(extreme).tolist() == [0.0, 0.0, 1.0]


def test_levels_are_symmetric() -> None:
    assert [-level for level in reversed(LEVELS)] == list(LEVELS)
