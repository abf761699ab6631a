"""What a system is examined on: the comments, what the annotators said, the resamples, and the slices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.gold import LabelledComment
from evaluation.intervals import RESAMPLES, draw
from evaluation.predictions import Predictions, from_labelled
from evaluation.scores import Flags, Floats
from models.taxonomy import Label, Polarity, Taxonomy

LENGTHS = ((5, "1 to 5 words"), (20, "6 to 20 words"), (60, "21 to 60 words"), (None, "61 words or more"))


@dataclass(frozen=True)
class Slice:
    """Some of the comments: those whose `kind` (source, industry, length, draw) is `name`."""

    kind: str
    name: str
    chosen: Flags


@dataclass(frozen=True)
class Exam:
    """The same questions for every system. `weights` has shape (resamples, comments)."""

    comments: tuple[LabelledComment, ...]
    taxonomy: Taxonomy
    gold: Predictions
    weights: Floats

    @classmethod
    def of(
        cls,
        comments: Sequence[LabelledComment],
        taxonomy: Taxonomy,
        *,
        seed: int = 0,
        resamples: int = RESAMPLES,
    ) -> "Exam":
        """Set an exam over labelled comments; the same seed draws the same resamples."""
        return cls(
            comments=tuple(comments),
            taxonomy=taxonomy,
            gold=from_labelled(comments, taxonomy),
            weights=draw(len(comments), seed=seed, resamples=resamples),
        )

    def columns(self, polarity: Polarity) -> tuple[list[int], list[Label]]:
        """The columns of the issues or of the strengths, with their labels."""
        found = [(at, label) for at, label in enumerate(self.taxonomy.labels) if label.polarity == polarity]
        return [at for at, _ in found], [label for _, label in found]

    def slices(self) -> list[Slice]:
        """By source, industry and draw, the largest first, and by length, the shortest first."""
        return [
            *self._by("source", [c.source for c in self.comments]),
            *self._by("industry", [c.industry for c in self.comments]),
            *self._by("length", [length_of(c.text) for c in self.comments], [name for _, name in LENGTHS]),
            *self._by("draw", ["random" if c.draw == "random" else "not random" for c in self.comments]),
        ]

    def _by(self, kind: str, names: list[str], order: list[str] | None = None) -> list[Slice]:
        values = np.array(names, dtype=object)
        found = sorted(set(names), key=lambda name: (-names.count(name), name))
        ordered = found if order is None else [name for name in order if name in found]
        return [Slice(kind, name, np.asarray(values == name, dtype=bool)) for name in ordered]


def length_of(text: str) -> str:
    """The class of length that a text belongs to, by its words between blanks."""
    words = len(text.split())
    return next(name for limit, name in LENGTHS if limit is None or words <= limit)
