"""Logistic regression over any text vectors, for every question that has a label in the training data.

What yes-or-no questions need beyond a fit: their scores on held-out fifths of the training data give the
threshold with the best F1 and turn scores into probabilities (Platt 1999). Equal texts share a fold, and the
comments that are reported on are never looked at. Needs scikit-learn.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from evaluation.predictions import Predictions
from evaluation.scores import Flags, Floats, best_threshold
from models.errors import InputError
from models.heads import LEVELS
from models.taxonomy import Taxonomy

FOLDS = 5
_NEVER = -20.0  # the score of a class that the training data do not hold


@dataclass(frozen=True)
class Learner:
    """Fits on `known` vectors, shape (comments, width), dense or sparse, and predicts for `unknown` ones.

    `strength` is the inverse of the regularisation, scikit-learn's C.
    """

    known: Any
    unknown: Any
    folds: Sequence[tuple[Any, Any]]
    strength: float
    seed: int

    def predict(self, gold: Predictions, taxonomy: Taxonomy) -> Predictions:
        """All answers; `gold` holds those of the known comments."""
        assert gold.labels is not None
        labels, probabilities = self._detect(gold.labels)
        sentiment = self._choose(gold.sentiment)
        issues = np.array([label.polarity == "issue" for label in taxonomy.labels])
        empathy = labels[:, [label.theme == "empathy" for label in taxonomy.labels]].any(axis=1)
        return Predictions(
            labels=labels,
            label_probabilities=probabilities,
            sentiment=_best(sentiment),
            sentiment_probabilities=sentiment,
            sentiment_level=self._levels(gold.sentiment_level),
            mixed=np.asarray(labels[:, issues].any(axis=1) & labels[:, ~issues].any(axis=1)),
            empathy=np.asarray(empathy),
            empathy_level=np.where(empathy, self._levels(gold.empathy_level), np.nan),
            effort=self._detect(gold.effort)[0],
            loyalty=self._detect(gold.loyalty)[0],
            intent=_best(self._choose(gold.intent)),
            touchpoints=self._detect(gold.touchpoints)[0],
        )

    def _detect(self, truth: Flags | None) -> tuple[Flags, Floats]:
        """Decisions and probabilities of columns that are there or not."""
        assert truth is not None
        # The solvers leave the interpreter to others while they work.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(self._detect_one, truth.T))
        return np.column_stack([each[0] for each in found]), np.column_stack([each[1] for each in found])

    def _detect_one(self, truth: Flags) -> tuple[Flags, Floats]:
        if truth.all() or not truth.any():
            share = np.full(self.unknown.shape[0], float(truth.mean()))
            return share > 0.5, share
        held_out = np.empty(len(truth))
        for fitted, held in self.folds:
            held_out[held] = self._score(self.known[fitted], truth[fitted], self.known[held])
        platt = LogisticRegression(random_state=self.seed).fit(held_out[:, None], truth)
        threshold = best_threshold(truth, platt.predict_proba(held_out[:, None])[:, 1])
        scores = self._score(self.known, truth, self.unknown)
        probabilities = platt.predict_proba(scores[:, None])[:, 1]
        return probabilities >= threshold, probabilities

    def _choose(self, truth: Flags | None) -> Floats:
        """Probabilities of columns of which one is true: one against the rest, made to sum to 1."""
        assert truth is not None
        told = truth.any(axis=1)
        scores = [self._score(self.known[told], column[told], self.unknown) for column in truth.T]
        chances = 1 / (1 + np.exp(-np.column_stack(scores)))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))

    def _levels(self, truth: Floats | None) -> Floats:
        assert truth is not None
        chances = self._choose(truth[:, None] == np.array(LEVELS))
        return np.asarray(np.array(LEVELS, dtype=float)[chances.argmax(axis=1)])

    def _score(self, known: Any, truth: Flags, unknown: Any) -> Floats:
        """Log-odds of one class; classes are weighed equally, which helps the rare ones."""
        if not truth.any() or truth.all():
            return np.full(unknown.shape[0], -_NEVER if truth.size and truth.all() else _NEVER)
        # Of few dense columns Newton's method needs some steps, where liblinear takes a minute for 40,000 rows.
        solver = "newton-cholesky" if isinstance(known, np.ndarray) else "liblinear"
        model = LogisticRegression(
            C=self.strength, class_weight="balanced", solver=solver, random_state=self.seed
        )
        return np.asarray(model.fit(known, truth).decision_function(unknown))


def folds_of(texts: Sequence[str], *, seed: int) -> list[tuple[Any, Any]]:
    """Five folds in which equal texts, whatever their case and blanks, stay together.

    Raises `InputError` if there are too few different texts.
    """
    plain = [" ".join(text.lower().split()) for text in texts]
    # Not numpy's: it would give every text the room of the longest.
    numbers = {text: number for number, text in enumerate(sorted(set(plain)))}
    groups = np.array([numbers[text] for text in plain])
    if len(numbers) < FOLDS:
        raise InputError(
            f"training data: at least {FOLDS} different comments are needed", code="invalid_labels"
        )
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(groups)), groups=groups))


def _best(chances: Floats) -> Flags:
    return np.asarray(chances.argmax(axis=1)[:, None] == np.arange(chances.shape[1]))
