"""Krippendorff's alpha against examples worked by hand."""

import itertools
import random

import pytest

from service.review.agreement import alpha, by_label, overall
from service.review.repository import Annotation


def units(*rows: str) -> list[dict[str, str]]:
    """Rows of answers, one annotator each, "." where there is none, as units."""
    columns = itertools.zip_longest(*rows, fillvalue=".")
    return [{f"a{n}": value for n, value in enumerate(column) if value != "."} for column in columns]


def test_two_people_two_values() -> None:
    """Ten comments, four of them judged otherwise: coincidences 0-0: 10, 1-1: 2, 0-1: 4 each way, so 14 zeros, 6 ones.

    alpha = 1 - (20 - 1) * (4 + 4) / (14 * 6 + 6 * 14) = 1 - 152 / 168 = 2 / 21
    """
    found = alpha(units("0100000010", "1110010000"))
    assert found.alpha == pytest.approx(2 / 21)
    assert found.n == 10


def test_missing_answers_and_more_people() -> None:
    """Three units: {a, a, b}, {b, b}, {a} (which says nothing).

    Observed unlike pairs: the first unit has 4 ordered ones, each of weight 1/2, so 2; the second none. Totals: a 2,
    b 3, n 5. alpha = 1 - (5 - 1) * 2 / (2 * 3 + 3 * 2) = 1/3
    """
    found = alpha(units("aba", "ab.", "b.."))
    assert (found.alpha, found.n) == (pytest.approx(1 / 3), 2)


def test_the_example_of_four_observers_of_the_literature() -> None:
    """Krippendorff (2011), section C: twelve units, four observers, five values, gaps: 0.743."""
    rows = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    assert alpha(units(*rows)).alpha == pytest.approx(0.743, abs=0.0005)


def test_the_ends_of_the_scale() -> None:
    assert alpha(units("0110", "0110")).alpha == 1
    assert alpha(units("01", "10")).alpha == pytest.approx(-0.5)
    # Nothing varies, or nobody was asked twice: there is nothing to measure.
    assert alpha(units("000", "000")).alpha is None
    assert (alpha(units("010")).alpha, alpha([]).n) == (None, 0)


def test_answers_by_the_toss_of_a_coin_agree_by_chance() -> None:
    dice = random.Random(7)
    tossed = [{"a": dice.random() < 0.2, "b": dice.random() < 0.2} for _ in range(20_000)]
    assert alpha(tossed).alpha == pytest.approx(0, abs=0.03)


def test_labels_that_were_not_judged_are_missing() -> None:
    def said(key: int, who: str, **verdicts: bool) -> Annotation:
        return Annotation(comment_key=key, stream="audit", annotator=who, verdicts=verdicts)

    given = [said(1, "a", x=True, y=True), said(1, "b", x=True), said(2, "a", x=False), said(2, "b", x=False)]
    assert by_label(given)["x"].alpha == 1
    assert (by_label(given)["y"].alpha, by_label(given)["y"].n) == (None, 0)
    assert overall(given).n == 2
