"""What a user would reach for instead, trained on the same data: is a model worth having?

    predictions = BASELINES[2].predict(Lesson(train, comments, taxonomy, seed=0))

Packages are imported when a baseline runs: what is not installed is left out and said so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.categorized import Categorized
from evaluation.gold import LabelledComment
from evaluation.predictions import SENTIMENTS, Predictions, from_labelled, one_hot
from evaluation.scores import Flags, Floats
from models.taxonomy import Taxonomy
from models.text import clean

VADER_LIMIT = 0.05
"""A compound score beyond this is positive or negative (Hutto and Gilbert 2014)."""


@dataclass(frozen=True)
class Lesson:
    """Labelled comments to learn from, and comments to speak of. Labels of the latter are not looked at."""

    train: Sequence[LabelledComment]
    comments: Sequence[LabelledComment]
    taxonomy: Taxonomy
    seed: int = 0


@dataclass(frozen=True)
class Baseline:
    """`learns` tells whether it needs training data."""

    name: str
    title: str
    about: str
    learns: bool
    predict: Callable[[Lesson], Predictions]


def _majority(lesson: Lesson) -> Predictions:
    gold, n = from_labelled(lesson.train, lesson.taxonomy), len(lesson.comments)
    share = _share(gold.labels)
    expressed = _share(gold.empathy) > 0.5
    return Predictions(
        labels=np.tile(share > 0.5, (n, 1)),
        label_probabilities=np.tile(share, (n, 1)),
        sentiment=_commonest(gold.sentiment, n),
        sentiment_probabilities=np.tile(_share(gold.sentiment), (n, 1)),
        empathy=np.full(n, bool(expressed)),
        effort=np.tile(_share(gold.effort) > 0.5, (n, 1)),
        loyalty=np.tile(_share(gold.loyalty) > 0.5, (n, 1)),
        intent=_commonest(gold.intent, n),
        touchpoints=np.tile(_share(gold.touchpoints) > 0.5, (n, 1)),
    )


def _vader(lesson: Lesson) -> Predictions:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    compound = np.array([analyzer.polarity_scores(clean(c.text))["compound"] for c in lesson.comments])
    sides = (compound >= VADER_LIMIT).astype(int) - (compound <= -VADER_LIMIT)
    return Predictions(
        sentiment=one_hot([SENTIMENTS[side + 1] for side in sides], SENTIMENTS),
        sentiment_level=2 * compound,
    )


def _tfidf(lesson: Lesson) -> Predictions:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    from evaluation.regression import Learner, folds_of

    vectorizer = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
    )
    known = vectorizer.fit_transform(texts_of(lesson.train)).tocsr()
    unknown = vectorizer.transform(texts_of(lesson.comments)).tocsr()
    folds = folds_of([c.text for c in lesson.train], seed=lesson.seed)
    # C = 10 was the better of 1 and 10 by cross-validation on training data.
    learner = Learner(known, unknown, folds, strength=10.0, seed=lesson.seed)
    return learner.predict(from_labelled(lesson.train, lesson.taxonomy), lesson.taxonomy)


def _minilm(lesson: Lesson) -> Predictions:
    from evaluation.regression import Learner, folds_of
    from evaluation.sentence_vectors import sentence_vectors

    vectors = sentence_vectors(texts_of([*lesson.train, *lesson.comments]))
    known, unknown = vectors[: len(lesson.train)], vectors[len(lesson.train) :]
    folds = folds_of([c.text for c in lesson.train], seed=lesson.seed)
    # C = 1 was the best of 1, 10 and 100 by cross-validation on training data.
    learner = Learner(known, unknown, folds, strength=1.0, seed=lesson.seed)
    return learner.predict(from_labelled(lesson.train, lesson.taxonomy), lesson.taxonomy)


def _setfit(lesson: Lesson) -> Predictions:
    from evaluation.regression import Learner, folds_of
    from evaluation.setfit_vectors import setfit_vectors

    gold = from_labelled(lesson.train, lesson.taxonomy)
    assert gold.labels is not None
    known, unknown = setfit_vectors(
        texts_of(lesson.train), gold.labels, texts_of(lesson.comments), seed=lesson.seed
    )
    folds = folds_of([c.text for c in lesson.train], seed=lesson.seed)
    learner = Learner(known, unknown, folds, strength=1.0, seed=lesson.seed)
    return learner.predict(gold, lesson.taxonomy)


BASELINES = (
    Baseline(
        "majority", "Majority class", "The commonest answer of the training data, always.", True, _majority
    ),
    Baseline("vader", "VADER", "Word list with rules, sentiment only; limits at ±0.05.", False, _vader),
    Baseline(
        "tfidf",
        "TF-IDF + logistic regression",
        "Words (1-2) and characters (3-5); thresholds by cross-validation on the training data.",
        True,
        _tfidf,
    ),
    Baseline(
        "minilm",
        "MiniLM + logistic regression",
        "Frozen all-MiniLM-L6-v2 vectors; thresholds by cross-validation on the training data.",
        True,
        _minilm,
    ),
    Baseline(
        "setfit",
        "SetFit",
        "all-MiniLM-L6-v2 tuned on pairs of comments (100 steps of 32 pairs), then as the row above.",
        True,
        _setfit,
    ),
)


def texts_of(comments: Sequence[LabelledComment] | Sequence[Categorized]) -> list[str]:
    """The question before its answer, as the model has it."""
    return [clean(f"{c.question}\n{c.text}" if c.question else c.text) for c in comments]


def _share(truth: Flags | None) -> Floats:
    assert truth is not None
    return np.asarray(truth.mean(axis=0))


def _commonest(truth: Flags | None, n: int) -> Flags:
    share = _share(truth)
    return np.tile(np.arange(len(share)) == share.argmax(), (n, 1))
