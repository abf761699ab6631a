"""Labels that are probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021), with cleanlab.

    suspects(truth, chances)    # the most suspicious first

Each label is a question of its own: is it there or not? A comment counts as confidently the one or the other where its
out-of-fold probability reaches the mean of those that are labelled so; what is confidently not what its label says
is named.
"""

from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues

from evaluation.scores import Flags, Floats


@dataclass(frozen=True)
class Suspect:
    """One label of one comment: `labelled` says whether it is said to be there, `probability` whether it should be."""

    place: int
    column: int
    labelled: bool
    probability: float

    @property
    def confidence(self) -> float:
        """How probable it is that the label is right as it stands."""
        return self.probability if self.labelled else 1 - self.probability


def suspects(truth: Flags, chances: Floats) -> list[Suspect]:
    """Suspected label errors; both have shape (comments, labels), a column of NaN is not judged."""
    found = [
        Suspect(int(place), column, bool(truth[place, column]), float(chances[place, column]))
        for column in np.flatnonzero(~np.isnan(chances).any(axis=0)).tolist()
        for place in _of_label(truth[:, column], chances[:, column])
    ]
    return sorted(found, key=lambda one: (one.confidence, one.place, one.column))


def _of_label(truth: Flags, chances: Floats) -> list[int]:
    issues = find_label_issues(
        truth.astype(int),
        np.column_stack([1 - chances, chances]),
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return [int(place) for place in issues]
