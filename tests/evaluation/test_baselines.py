"""Baselines learn what little a dozen comments teach, and never look at the labels they are judged by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.baselines import BASELINES, Lesson
from evaluation.gold import LabelledComment, Labels, read_labelled
from evaluation.regression import folds_of
from models import InputError, taxonomy
from tests.labelled import twelve, write_lines

TAXONOMY = taxonomy.load()
BASELINE = {baseline.name: baseline for baseline in BASELINES}
ORDER = [label.id for label in TAXONOMY.labels]


@pytest.fixture
def comments(tmp_path: Path) -> list[LabelledComment]:
    return read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), TAXONOMY)


def test_majority_says_the_commonest_of_the_training_data(comments: list[LabelledComment]) -> None:
    found = BASELINE["majority"].predict(Lesson(comments, comments[:2], TAXONOMY))
    assert found.labels is not None
    assert found.sentiment is not None
    assert found.intent is not None
    assert not found.labels.any()
    assert found.sentiment.tolist() == [[True, False, False]] * 2
    assert TAXONOMY.intents[int(found.intent[0].argmax())] == "complaint"


def test_vader_knows_kind_words_without_training(comments: list[LabelledComment]) -> None:
    found = BASELINE["vader"].predict(Lesson([], comments, TAXONOMY))
    assert found.sentiment is not None
    assert found.labels is None
    assert found.sentiment[[0, 1, 5]].tolist() == [
        [False, False, True],
        [True, False, False],
        [False, True, False],
    ]


def test_tfidf_recognises_what_it_was_taught(comments: list[LabelledComment]) -> None:
    """Two phrases, taught in forty variants each, are told apart in new variants, question and all."""
    lines = [
        replace(comments[at % 2], id=str(at), text=f"{comments[at % 2].text} Visit {at}.") for at in range(80)
    ]
    found = BASELINE["tfidf"].predict(Lesson(lines[:60], lines[60:], TAXONOMY))
    assert found.labels is not None
    assert found.empathy_level is not None
    kind, rude = (found.labels[:, ORDER.index(name)] for name in ("caring_treatment", "lack_of_empathy"))
    assert kind.tolist() == [True, False] * 10
    assert rude.tolist() == [False, True] * 10
    assert found.empathy_level.tolist() == [1, -2] * 10
    assert found.label_probabilities is not None
    assert found.label_probabilities.min() >= 0
    assert found.label_probabilities.max() <= 1


@pytest.mark.parametrize("name", ["majority", "vader", "tfidf"])
def test_labels_of_the_comments_judged_are_not_looked_at(comments: list[LabelledComment], name: str) -> None:
    silent = Labels((), (), 0, False, None, None, None, "other", ())
    blind = [replace(comment, labels=silent) for comment in comments]
    seen, unseen = (BASELINE[name].predict(Lesson(comments, each, TAXONOMY)) for each in (comments, blind))
    for field in ("labels", "sentiment", "intent"):
        assert np.array_equal(getattr(seen, field), getattr(unseen, field))


def test_equal_texts_share_a_fold() -> None:
    texts = [f"Text {at % 10}" if at < 10 else f"text  {at % 10} " for at in range(20)]
    folds = folds_of(texts, seed=0)
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(20))
    for fitted, held in folds:
        assert not {at % 10 for at in fitted} & {at % 10 for at in held}


def test_too_few_different_texts_are_refused() -> None:
    with pytest.raises(InputError, match="at least 5 different comments"):
        folds_of(["a", "A", "b"], seed=0)
