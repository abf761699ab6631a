"""Two samples apart: against published intervals, scipy, and simulated truths; many comparisons at once."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from service.statistics import (
    Estimate,
    apart,
    discoveries,
    mean_difference,
    nps,
    nps_difference,
    rate_difference,
)

COUNT = st.integers(0, 3_000)


@pytest.mark.parametrize(
    ("new", "new_n", "old", "old_n", "low", "high"),
    [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (0, 20, 0, 10, -0.2775, 0.1611)],
)
def test_rates_against_published_intervals(
    new: int, new_n: int, old: int, old_n: int, low: float, high: float
) -> None:
    # Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10.
    found = rate_difference(new, new_n, old, old_n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(COUNT, COUNT, COUNT, COUNT)
def test_the_p_of_rates_is_that_of_the_chi_squared_test(a: int, b: int, c: int, d: int) -> None:
    if a + b and c + d and a + c and b + d:
        theirs = stats.chi2_contingency([[a, b], [c, d]], correction=False).pvalue
        assert rate_difference(a, a + b, c, c + d).p == pytest.approx(theirs, abs=1e-9)


def test_equal_rates_of_nothing_are_no_difference() -> None:
    assert rate_difference(0, 20, 0, 30).p == 1


@given(
    st.lists(st.integers(1, 7), min_size=5, max_size=40), st.lists(st.integers(1, 7), min_size=5, max_size=40)
)
def test_means_agree_with_scipy(new: list[int], old: list[int]) -> None:
    ours = mean_difference(*[(len(x), sum(x), sum(a * a for a in x)) for x in (new, old)])
    assume(len(set(new)) > 1 and len(set(old)) > 1)
    theirs = stats.ttest_ind(new, old, equal_var=False)
    ends = theirs.confidence_interval(0.95)
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.002)
    # Degrees of freedom are rounded down: never narrower than the exact interval, and little wider.
    exact, half = ends.high - ours.value, ours.high - ours.value
    assert exact - 0.005 * exact <= half <= 1.2 * exact + 1e-9


def test_two_constant_samples() -> None:
    same, other = (5, 20, 80), (5, 25, 125)
    assert mean_difference(same, same).p == 1
    assert mean_difference(other, same).p == 0


@given(st.tuples(COUNT, COUNT, COUNT), st.tuples(COUNT, COUNT, COUNT))
def test_a_score_apart_from_another(new: tuple[int, int, int], old: tuple[int, int, int]) -> None:
    if sum(new) and sum(old):
        there, back = nps_difference(new, old), nps_difference(old, new)
        assert there.value == pytest.approx(nps(*new).value - nps(*old).value)
        assert there.low - 1e-9 <= there.value <= there.high + 1e-9
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
        # p and interval say the same.
        if abs(there.p - 0.05) > 1e-6:
            assert (there.p < 0.05) == (not there.low <= 0 <= there.high)


@pytest.mark.parametrize("n", [10, 30, 200])
@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.8, 0.1, 0.1), (0.2, 0.2, 0.6)])
def test_intervals_of_a_score_apart_cover_the_truth(n: int, shares: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(n)
    other = (0.3, 0.4, 0.3)
    truth = 100 * (shares[0] - shares[2])
    pairs = zip(rng.multinomial(n, shares, 2_000), rng.multinomial(2 * n, other, 2_000), strict=True)
    found = [nps_difference(tuple(new.tolist()), tuple(old.tolist())) for new, old in pairs]
    # 95% with three Monte-Carlo errors of 0.5% at 2,000 runs.
    assert 0.935 <= np.mean([d.low <= truth <= d.high for d in found]) <= 0.985


def test_estimates_without_width_are_told_apart() -> None:
    point, other = Estimate(0.2, 0.2, 0.2), Estimate(0.1, 0.1, 0.1)
    assert apart(point, other).p == 0
    assert apart(point, point).p == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_discoveries_agree_with_scipy(ps: list[float]) -> None:
    theirs = stats.false_discovery_control(ps) <= 0.05
    near = np.any(np.abs(stats.false_discovery_control(ps) - 0.05) < 1e-12)
    assert near or discoveries(ps) == theirs.tolist()


def test_discoveries_of_nothing() -> None:
    assert discoveries([]) == []


def test_few_of_the_discoveries_are_chance() -> None:
    rng = np.random.default_rng(6)
    shares = []
    for _ in range(400):
        z = rng.standard_normal(100) + 3 * (np.arange(100) < 20)
        found = np.array(discoveries((2 * stats.norm.sf(np.abs(z))).tolist()))
        shares.append(found[20:].sum() / max(1, found.sum()))
    assert np.mean(shares) <= 0.05
