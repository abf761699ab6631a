"""Rates corrected by an audit or by the card: by hand, against plain PPI++, and over many simulated periods."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from service.statistics import Audit, adjusted_rate, estimated_rate, prediction_powered, wilson
from tests.simulations.rates import Cell, simulate

ERRORS = {"tp": 180, "fn": 120, "fp": 150, "tn": 2_850}
"""Sensitivity 0.6, false positives 0.05."""


def even(with_tag: tuple[int, int], without: tuple[int, int]) -> Audit:
    """(positive, audited) with and without the tag, all drawn with one probability in twenty."""
    labels = [1] * with_tag[0] + [0] * (with_tag[1] - with_tag[0])
    labels += [1] * without[0] + [0] * (without[1] - without[0])
    tags = [1] * with_tag[1] + [0] * without[1]
    return Audit(labels, tags, [0.05] * len(tags))


def test_by_hand() -> None:
    # Of the tagged 12 in 20 are right, of the others 9 in 90 were missed; 300 of 2,000 are tagged.
    found = prediction_powered(300, 2_000, even((12, 20), (9, 90)))
    assert found.value == pytest.approx(0.15 * 0.6 + 0.85 * 0.1)
    # Wilson's limits of the three shares, solved from their definition, and their distances combined.
    (l1, u1), (l0, u0), (lw, uw) = (_wilson(*part) for part in ((0.6, 20), (0.1, 90), (0.15, 2_000)))
    below = math.hypot(0.15 * (0.6 - l1), 0.85 * (0.1 - l0), 0.5 * (0.15 - lw))
    above = math.hypot(0.15 * (u1 - 0.6), 0.85 * (u0 - 0.1), 0.5 * (uw - 0.15))
    assert (found.low, found.high) == pytest.approx((0.175 - below, 0.175 + above), abs=2e-4)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Where the score test with Student's quantile of 110 audited comments just passes."""
    z2 = stats.t.ppf(0.975, 109) ** 2
    low, high = sorted(np.roots([1 + z2 / n, -(2 * share + z2 / n), share**2]).tolist())
    return low, high


def test_the_value_is_that_of_ppi_with_its_tuned_lambda() -> None:
    rng = np.random.default_rng(1)
    chances = rng.uniform(0.01, 0.2, 150)
    tags = (rng.random(150) < 0.3).astype(float)
    labels = (rng.random(150) < 0.1 + 0.5 * tags).astype(float)
    w = 1 / chances
    centred = tags - np.average(tags, weights=w)
    tuned = np.average(labels * centred, weights=w) / np.average(centred**2, weights=w)
    by_formula = np.average(labels, weights=w) + tuned * (0.21 - np.average(tags, weights=w))
    found = prediction_powered(420, 2_000, Audit(labels, tags, chances))
    assert found.value == pytest.approx(by_formula)


def test_a_large_audit_is_as_the_normal_interval_of_ppi() -> None:
    found = prediction_powered(30_000, 200_000, even((1_200, 2_000), (900, 9_000)))
    variance = 0.15**2 * 0.6 * 0.4 / 2_000 + 0.85**2 * 0.1 * 0.9 / 9_000 + 0.5**2 * 0.15 * 0.85 / 200_000
    half = 1.96 * variance**0.5
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=2e-4)


def test_a_tagger_worth_nothing_leaves_the_audit_alone() -> None:
    found, alone = prediction_powered(500, 2_000, even((25, 100), (75, 300))), wilson(100, 400)
    assert found.value == pytest.approx(alone.value)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=3e-3)


def test_nobody_audited_with_the_tag() -> None:
    found = prediction_powered(100, 2_000, even((0, 0), (3, 120)))
    assert found.value == pytest.approx(3 / 120)
    # What the 5 % with the tag are is not known at all.
    assert found.high - found.value > 0.04


def test_an_audit_without_a_positive_is_no_certainty() -> None:
    found = prediction_powered(0, 2_000, even((0, 0), (0, 100)))
    assert (found.value, found.low) == (0, 0)
    # Between the rule of three and Wilson's end.
    assert 0.03 < found.high < 0.045


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.001, 1)), min_size=1, max_size=60),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
)
def test_value_and_interval_are_shares(
    drawn: list[tuple[bool, bool, float]], tagged: int, others: int
) -> None:
    assume(tagged + others)
    found = prediction_powered(tagged, tagged + others, Audit(*zip(*drawn, strict=True)))
    assert -1e-9 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9 <= 1 + 2e-9


@pytest.mark.parametrize(
    ("labels", "tags", "chances", "names"),
    [
        ([1, 0], [1], [0.1, 0.1], "one label"),
        ([1, 2], [1, 0], [0.1, 0.1], "0 or 1"),
        ([1, 0], [0.5, 0], [0.1, 0.1], "0 or 1"),
        ([1, 0], [1, 0], [0.1, 0], "probability"),
        ([1, 0], [1, 0], [0.1, 1.5], "probability"),
        ([1, 0], [1, 0], [0.1, float("nan")], "probability"),
        ([[1]], [[1]], [[1]], "one label"),
    ],
)
def test_what_is_no_audit_is_refused(
    labels: list[int], tags: list[float], chances: list[float], names: str
) -> None:
    with pytest.raises(ValueError, match=names):
        Audit(labels, tags, chances)


def test_the_method_is_named() -> None:
    small, large = even((12, 20), (7, 79)), even((12, 20), (8, 80))
    by_audit = estimated_rate(300, 2_000, audit=large, errors=ERRORS)
    assert by_audit is not None
    assert (by_audit.method, by_audit.audited) == ("prediction_powered", 100)
    by_card = estimated_rate(300, 2_000, audit=small, errors=ERRORS)
    assert by_card is not None
    assert (by_card.method, by_card.audited, by_card.disagreement) == ("rogan_gladen", 99, None)
    assert by_card.estimate == adjusted_rate(300, 2_000, ERRORS)
    assert estimated_rate(300, 2_000, audit=small) is None
    assert estimated_rate(300, 2_000, errors={"tp": 0, "fn": 0, "fp": 1, "tn": 9}) is None


def test_a_rate_at_its_end_is_no_certainty_and_a_card_that_is_not_true_says_nothing() -> None:
    # By a card with twelve false tags in a hundred, nine tags in a hundred would be less than none.
    errors = {"tp": 80, "fn": 20, "fp": 124, "tn": 876}
    for n in (1, 5, 40, 200, 1_000):
        for tagged in range(0, n + 1, max(n // 40, 1)):
            found = estimated_rate(tagged, n, errors=errors)
            assert found is None or found.estimate.high - found.estimate.low > 0.02
    for tagged in (56, 42):
        # Nobody says it, and the card may be true of them: as many tags as its errors make, or some fewer.
        at_the_end = estimated_rate(tagged, 453, errors=errors)
        assert at_the_end is not None
        assert at_the_end.estimate.low == 0
        assert 0.03 < at_the_end.estimate.high < 0.1
    assert estimated_rate(20, 453, errors=errors) is None
    assert estimated_rate(453, 453, errors=errors) is None
    assert estimated_rate(90, 453, errors=errors) is not None
    assert estimated_rate(99, 100, errors={"tp": 3, "fn": 0, "fp": 0, "tn": 50}) is not None


def test_audit_and_card_that_disagree_say_so() -> None:
    # 18 % tagged: the card makes that 24 % true, the audit finds one in ten of the tagged right.
    apart = estimated_rate(360, 2_000, audit=even((4, 40), (2, 160)), errors=ERRORS)
    together = estimated_rate(360, 2_000, audit=even((29, 40), (18, 160)), errors=ERRORS)
    assert apart is not None
    assert together is not None
    assert apart.disagreement is not None
    assert together.disagreement is not None
    assert apart.disagreement.p < 0.001
    assert apart.disagreement.high < 0
    assert together.disagreement.p > 0.05


@pytest.mark.parametrize("rate", [0.03, 0.10, 0.40])
@pytest.mark.parametrize(
    ("errors", "audit", "design"),
    [
        ("more false alarms", 100, "even"),
        ("more false alarms", 400, "even"),
        ("misses more", 100, "by tag"),
        ("finds more", 200, "by place"),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    rate: float, errors: str, audit: int, design: str
) -> None:
    """Small; `python -m tests.simulations.rates` is the whole grid. The bounds allow for three Monte-Carlo errors."""
    found = simulate(Cell(rate, errors, audit, design), 1_000, seed=7)
    assert 0.92 - 0.02 <= found.audited <= 0.97 + 0.015


def test_raw_counts_hold_the_truth_in_no_run() -> None:
    for rate in (0.03, 0.20, 0.40):
        assert simulate(Cell(rate, "as on the card", 100, "even"), 300, seed=3).raw < 0.01


def test_the_card_holds_where_errors_are_as_on_it_and_the_alarm_is_still() -> None:
    found = simulate(Cell(0.2, "as on the card", 200, "even"), 1_000, seed=3)
    assert 0.93 <= found.card <= 0.97
    assert found.alarms <= 0.07


def test_the_alarm_rings_where_errors_are_not_as_on_the_card() -> None:
    assert simulate(Cell(0.1, "more false alarms", 200, "even"), 300, seed=3).alarms > 0.9
