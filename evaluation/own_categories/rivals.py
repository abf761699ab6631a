"""What else one would reach for, fitted on the same comments. Needs scikit-learn.

tfidf-svc    words (1-2) and characters (2-5), a linear support vector machine for each category
tfidf-lr     the same with logistic regression, C = 10
minilm-lr    logistic regression on frozen all-MiniLM-L6-v2 vectors, C = 10 (a "frozen probe")
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluation.baselines import texts_of
from evaluation.categorized import Categorized
from evaluation.scores import Flags


def _tfidf(train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    vectorizer = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def _minilm(train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any]:
    from evaluation.sentence_vectors import sentence_vectors

    vectors = sentence_vectors([*train, *test])
    return vectors[: len(train)], vectors[len(train) :]


def _svc() -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(random_state=0)


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, max_iter=1_000)


RIVALS: dict[str, tuple[Callable[..., tuple[Any, Any]], Callable[[], Any]]] = {
    "tfidf-svc": (_tfidf, _svc),
    "tfidf-lr": (_tfidf, _regression),
    "minilm-lr": (_minilm, _regression),
}


def decided_by(
    rival: str, train: Sequence[Categorized], truth: Flags, test: Sequence[Categorized], *, exclusive: bool
) -> Flags:
    """Fit on `train` with its `truth`, (comments, categories), and decide on `test`, of the same width."""
    from sklearn.multiclass import OneVsRestClassifier

    vectors, learner = RIVALS[rival]
    known, unknown = vectors(texts_of(train), texts_of(test))
    decided = np.zeros((len(test), truth.shape[1]), dtype=bool)
    if exclusive:
        chosen = learner().fit(known, truth.argmax(axis=1)).predict(unknown)
        decided[np.arange(len(test)), chosen] = True
        return decided
    shown = truth.any(axis=0)
    fitted = OneVsRestClassifier(learner()).fit(known, truth[:, shown])
    # Of one category it tells a column less.
    decided[:, shown] = fitted.predict(unknown).reshape(len(test), -1)
    return decided
