"""Values and intervals against published numbers, scipy, and what must hold of any interval."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from service import statistics
from service.statistics import Estimate, adjusted_rate, mean, nps, student_quantile, wilson

COUNT = st.integers(min_value=0, max_value=5_000)


def test_nps_by_hand() -> None:
    # 10 answers with 4 promoters and 2 detractors: (4.75 - 2.75) / 13 = 0.1538, and so on.
    p, d, n = 4.75 / 13, 2.75 / 13, 13
    half = 1.959964 * math.sqrt((p + d - (p - d) ** 2) / n)
    estimate = nps(4, 4, 2)
    assert estimate.value == pytest.approx(20)
    assert estimate.low == pytest.approx(100 * (p - d - half), abs=1e-4)
    assert estimate.high == pytest.approx(100 * (p - d + half), abs=1e-4)


def test_wilson_against_a_published_interval() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    for successes, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]:
        estimate = wilson(successes, n)
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@given(COUNT, COUNT)
def test_wilson_agrees_with_scipy(successes: int, failures: int) -> None:
    n = successes + failures
    if n:
        ours = wilson(successes, n)
        theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("degrees", [*range(1, 40), 100, 1_000, 100_000])
def test_student_quantile_is_near_the_true_one(degrees: int) -> None:
    true = stats.t.ppf(0.975, degrees)
    assert student_quantile(degrees) == pytest.approx(true, abs=0.004 if degrees == 3 else 0.001)


@given(st.lists(st.integers(1, 7), min_size=2, max_size=60))
def test_mean_agrees_with_scipy(answers: list[int]) -> None:
    ours = mean(len(answers), sum(answers), sum(a * a for a in answers))
    assert ours.value == pytest.approx(sum(answers) / len(answers))
    half = stats.sem(answers) * stats.t.ppf(0.975, len(answers) - 1)
    assert ours.high - ours.value == pytest.approx(half, rel=2e-3, abs=1e-9)
    assert ours.value - ours.low == pytest.approx(half, rel=2e-3, abs=1e-9)


def test_adjusted_rate_by_hand() -> None:
    # Sensitivity 45/50 and specificity 90/100; 30 of 100 called positive: (0.3 + 0.9 - 1) / (0.9 + 0.9 - 1).
    estimate = adjusted_rate(30, 100, {"tp": 45, "fn": 5, "fp": 10, "tn": 90})
    assert estimate is not None
    assert estimate.value == pytest.approx(0.25)
    z2 = 1.959964**2
    se, sp, seen = 46 / 52, 91 / 102, (30 + z2 / 2) / (100 + z2)
    true = (seen + sp - 1) / (se + sp - 1)
    parts = (true**2 * se * (1 - se) / 52, (1 - true) ** 2 * sp * (1 - sp) / 102)
    half = math.sqrt(z2 * (seen * (1 - seen) / (100 + z2) + sum(parts))) / (se + sp - 1)
    shift = 2 * z2 * (true * se * (1 - se) / 52 - (1 - true) * sp * (1 - sp) / 102)
    assert (estimate.low, estimate.high) == pytest.approx(
        (true + shift - half, true + shift + half), abs=1e-6
    )


def test_a_perfect_tagger_well_tested_corrects_nothing() -> None:
    estimate = adjusted_rate(300, 1_000, {"tp": 10**6, "fn": 0, "fp": 0, "tn": 10**6})
    assert estimate is not None
    plain = wilson(300, 1_000)
    assert estimate.value == pytest.approx(plain.value)
    # Agresti-Coull's ends, which are within a thousandth of Wilson's here.
    assert (estimate.low, estimate.high) == pytest.approx((plain.low, plain.high), abs=1e-3)


@pytest.mark.parametrize(
    "errors",
    [
        {"tp": 0, "fn": 0, "fp": 3, "tn": 97},
        {"tp": 3, "fn": 7, "fp": 0, "tn": 0},
        {"tp": 50, "fn": 50, "fp": 50, "tn": 50},
        {"tp": 1, "fn": 2, "fp": 30, "tn": 70},
        {"tp": 10, "fn": 90, "fp": 90, "tn": 10},
    ],
    ids=["no positives", "no negatives", "chance", "too few to tell", "worse than chance"],
)
def test_a_tagger_not_shown_to_beat_chance_gives_no_estimate(errors: dict[str, int]) -> None:
    assert adjusted_rate(10, 100, errors) is None


@given(COUNT, COUNT, COUNT)
@example(0, 0, 1)
def test_nps_lies_in_its_interval_and_that_in_the_scale(up: int, passive: int, down: int) -> None:
    if up + passive + down:
        estimate = nps(up, passive, down)
        assert -100 <= estimate.low <= estimate.value <= estimate.high <= 100
        mirrored = nps(down, passive, up)
        assert (mirrored.low, mirrored.high) == pytest.approx((-estimate.high, -estimate.low))


@given(COUNT, COUNT, *[st.integers(0, 400)] * 4)
@example(1, 0, 17, 0, 0, 1)
def test_a_corrected_rate_lies_in_its_interval(
    hits: int, misses: int, tp: int, fp: int, fn: int, tn: int
) -> None:
    if hits + misses:
        estimate = adjusted_rate(hits, hits + misses, {"tp": tp, "fp": fp, "fn": fn, "tn": tn})
        assert estimate is None or 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(st.integers(1, 2_000), st.data())
def test_ten_times_the_answers_narrow_every_interval(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))

    def width(estimate: Estimate) -> float:
        return estimate.high - estimate.low

    assert width(wilson(10 * k, 10 * n)) < width(wilson(k, n))
    assert width(nps(10 * k, 0, 10 * (n - k))) < width(nps(k, 0, n - k))


def test_z_is_the_normal_quantile() -> None:
    assert pytest.approx(stats.norm.ppf(0.975)) == statistics.Z
