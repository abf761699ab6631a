"""The cache before a scorer: the same words once, and bounded."""

from collections.abc import Sequence

import numpy as np
import pytest

import models
from models.cache import CachedScorer
from models.heads import Scores
from models.pipeline import read
from models.scorer import Reading, Scorer


class Counting:
    """A scorer that says what it was asked."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.asked: list[str] = []

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        self.asked += [reading.text for reading in readings]
        return self.scorer.score(readings)


def reading(text: str, question: str = "") -> Reading:
    return read(models.Comment(text, question=question))


@pytest.fixture
def behind() -> Counting:
    return Counting(models.load("weightless").scorer)


def test_the_same_text_is_scored_once(behind: Counting) -> None:
    cached = CachedScorer(behind)
    first = cached.score([reading("Rude staff"), reading("App crashed"), reading("Rude staff")])
    again = cached.score([reading("App crashed"), reading("Rude staff")])
    assert behind.asked == ["Rude staff", "App crashed"]
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(first[0], again[1])
    assert np.array_equal(first[1], again[0])


def test_another_question_is_another_text(behind: Counting) -> None:
    cached = CachedScorer(behind)
    cached.score([reading("Nothing"), reading("Nothing", "What could we improve?")])
    assert len(behind.asked) == 2
    # The border between question and text counts.
    cached.score([reading("b c", "a"), reading("c", "a b")])
    assert len(behind.asked) == 4


def test_long_texts_are_not_kept_but_scored_once_in_a_batch(behind: Counting) -> None:
    cached, long = CachedScorer(behind), reading("The agent was rude. " * 30)
    cached.score([long, long])
    cached.score([long])
    assert len(behind.asked) == 2


def test_the_least_recently_used_is_forgotten(behind: Counting) -> None:
    cached = CachedScorer(behind, max_spans=2)
    for text in ("one", "two", "one", "three", "one", "two"):
        cached.score([reading(text)])
    assert behind.asked == ["one", "two", "three", "two"]


def test_nobody_can_spoil_what_is_kept(behind: Counting) -> None:
    cached = CachedScorer(behind)
    (scores,) = cached.score([reading("Rude staff")])
    with pytest.raises(ValueError, match="read-only"):
        scores += 1


def test_no_text_is_kept(behind: Counting) -> None:
    cached = CachedScorer(behind)
    cached.score([reading("My name is Ada Nobody")])
    assert all(isinstance(key, bytes) and len(key) == 16 for key in cached._kept)
