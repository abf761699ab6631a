"""What a cheap model says of each labelled comment that it was not fitted on.

    seen = Seen.of(comments)
    chances = seen.out_of_fold(label_matrix(comments, taxonomy))    # shape (comments, labels)

Logistic regression on frozen sentence vectors, in five folds. Comments of one customer and near-duplicates are in one
fold, for whoever has seen a comment's twin with the same mistake agrees with the mistake. The model is thrown away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from evaluation.baselines import texts_of
from evaluation.gold import LabelledComment
from evaluation.regression import FOLDS
from evaluation.scores import Flags, Floats
from evaluation.sentence_vectors import sentence_vectors
from models.errors import InputError
from training.split import group_near_duplicates

ENOUGH = 2 * FOLDS
"""A label needs as many groups of comments that have it, and as many that have it not: two a fold."""
# scikit-learn's C. Of 1 and 3 the one that found more of 150 labels turned round on purpose in 1,500 training comments.
_STRENGTH = 1.0


@dataclass(frozen=True)
class Seen:
    """Comments as the cheap model sees them: vectors, shape (comments, 384), and which must share a fold."""

    vectors: NDArray[np.float32]
    groups: NDArray[np.int_]

    @classmethod
    def of(cls, comments: Sequence[LabelledComment], *, threads: int = 1) -> "Seen":
        """Raises `ArtifactError` if the sentence encoder is not there."""
        groups = group_near_duplicates([one.text for one in comments], [one.group for one in comments])
        return cls(sentence_vectors(texts_of(comments), threads=threads), np.array(groups))

    def out_of_fold(self, truth: Flags, *, seed: int = 0) -> Floats:
        """The probability of each label, shape (comments, labels), where `truth`, of the same shape, is what is said.

        A column is NaN where its label is too rare to judge. Raises `InputError` "too_few_comments" where all are.
        """
        judged = [column for column in range(truth.shape[1]) if self._is_enough(truth[:, column])]
        if not judged:
            raise InputError(
                f"{len(truth)} labelled comments are too few: an audit needs {ENOUGH} different ones with a "
                "label and as many without it",
                code="too_few_comments",
            )
        chances = np.full(truth.shape, np.nan)
        for column in judged:
            chances[:, column] = self._held_out(truth[:, column], seed)
        return chances

    def _is_enough(self, truth: Flags) -> bool:
        return min(len(np.unique(self.groups[side])) for side in (truth, ~truth)) >= ENOUGH

    def _held_out(self, truth: Flags, seed: int) -> Floats:
        chances = np.empty(len(truth))
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        for fitted, held in folds.split(self.vectors, truth, self.groups):
            model = LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=seed)
            model.fit(self.vectors[fitted], truth[fitted])
            chances[held] = model.predict_proba(self.vectors[held])[:, 1]
        return chances
