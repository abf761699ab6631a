"""Are two samples of one population? Against scipy, against what must hold, and how often it rings by chance."""

import numpy as np
import pytest
from scipy import stats

from service.drift.checks import Audits, audit
from service.statistics.drift import fisher, holm, kolmogorov_smirnov, shares
from service.statistics.permutations import DRAWS, Shuffled, mmd, vocabulary
from tests.simulations.drift import NAMES, invented, rings


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5])
def test_distributions_apart_as_scipy_has_them(shift: float) -> None:
    rng = np.random.default_rng(1)
    new, old = rng.standard_normal(300) + shift, rng.standard_normal(900)
    found, known = kolmogorov_smirnov(new, old), stats.ks_2samp(new, old, method="exact")
    assert found.distance == pytest.approx(known.statistic)
    assert found.at == pytest.approx(known.statistic_location)
    assert found.p == pytest.approx(known.pvalue, rel=0.15)
    assert found.now == pytest.approx(np.mean(new > found.at))
    assert found.before == pytest.approx(np.mean(old > found.at))


def test_tied_scores_make_it_careful_and_nothing_more() -> None:
    rng = np.random.default_rng(2)
    ps = []
    for _ in range(300):
        new, old = (np.where(rng.random(n) < 0.1, rng.random(n), 0.0) for n in (300, 900))
        ps.append(kolmogorov_smirnov(new, old).p)
    assert np.mean(np.array(ps) <= 0.05) < 0.05
    same = kolmogorov_smirnov(np.zeros(5), np.zeros(7))
    assert (same.distance, same.p) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("table"), [(3, 40, 1, 400), (0, 10, 0, 20), (10, 10, 0, 20), (12, 500, 9, 4_000), (7, 7, 9, 9)]
)
def test_shares_as_scipy_has_them(table: tuple[int, int, int, int]) -> None:
    new, new_n, old, old_n = table
    known = stats.fisher_exact([[new, new_n - new], [old, old_n - old]]).pvalue
    assert fisher(*table) == pytest.approx(known)
    assert shares(*table).distance == pytest.approx(abs(new / new_n - old / old_n))


def test_many_questions_as_one() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def of_words(rng: np.random.Generator, n: int, *more: str) -> list[frozenset[str]]:
    return [frozenset([*(f"w{one}" for one in rng.integers(0, 80, 9)), *more]) for _ in range(n)]


def vectors_apart(rng: np.random.Generator, shift: float = 0.0) -> Shuffled:
    return mmd(rng.standard_normal((60, 4)) + shift, rng.standard_normal((120, 4)), rng)


def words_apart(rng: np.random.Generator) -> Shuffled:
    return vocabulary(of_words(rng, 60), of_words(rng, 120), rng)


@pytest.mark.parametrize("apart", [vectors_apart, words_apart])
def test_samples_of_one_population_have_any_p_alike(apart: object) -> None:
    rng = np.random.default_rng(3)
    ps = np.array([apart(rng).p for _ in range(200)])  # type: ignore[operator]
    assert ps.min() > 0
    # Each share is within four of its standard errors.
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(ps <= level) - level) < 4 * np.sqrt(level * (1 - level) / len(ps))


def test_what_differs_is_found_and_what_made_it_so() -> None:
    rng = np.random.default_rng(4)
    assert vectors_apart(rng, 1.0).p == 1 / (DRAWS + 1)
    new = np.concatenate([rng.standard_normal((50, 4)), rng.standard_normal((10, 4)) + 4])
    found = mmd(new, rng.standard_normal((120, 4)), rng)
    assert found.p < 0.01
    assert found.column in range(4)
    assert set(np.argsort(-found.typical)[:5]) <= set(range(50, 60))
    said = vocabulary(of_words(rng, 48) + of_words(rng, 12, "luggage", "flight"), of_words(rng, 120), rng)
    assert said.p < 0.01
    assert set(said.words[:2]) == {"luggage", "flight"}
    assert set(np.argsort(-said.typical)[:12]) == set(range(48, 60))


def test_nothing_to_compare() -> None:
    rng = np.random.default_rng(5)
    assert vocabulary([frozenset({"one"})], [frozenset()], rng).p == 1.0
    assert mmd(np.ones((3, 2)), np.ones((4, 2)), rng).p == 1.0


def audits(wrong: int, n: int) -> Audits:
    return Audits(np.array([f"c{one}" for one in range(n)], dtype=object), np.arange(n) < wrong)


def test_audits_that_differ_more_often() -> None:
    assert audit(audits(20, 33), audits(20, 67)) is None
    quiet, loud = audit(audits(10, 40), audits(20, 80)), audit(audits(20, 40), audits(10, 80))
    assert quiet is not None
    assert loud is not None
    assert (quiet.now, quiet.before) == (0.25, 0.25)
    assert quiet.p == pytest.approx(1.0)
    assert (loud.now, loud.before) == (0.5, 0.125)
    assert loud.p < 1e-4
    assert set(loud.comments) <= {f"c{one}" for one in range(20)}


def test_quiet_weeks_are_quiet_and_a_tenth_that_is_new_is_found() -> None:
    """As the simulation has it, on invented comments; 5 of 25 would pass in a thousandth of tests at 4 %."""
    rng = np.random.default_rng(6)
    usual, strange = [invented(rng, 600, 0), invented(rng, 600, 1)], invented(rng, 300, 2)
    assert sum(bool(rings(rng, usual, 300, NAMES, None)) for _ in range(25)) < 5
    assert sum(bool(rings(rng, usual, 1_000, NAMES, strange)) for _ in range(5)) == 5
