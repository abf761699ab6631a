"""The seam between reading and deciding: a `Scorer` gives every span of every reading a row of logits.

There are three: the encoder on ONNX Runtime, the same weights on torch, and a weightless one of word lists.
Whatever stands behind the seam, the pipeline before and after it is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.heads import Scores
from models.segments import Span


@dataclass(frozen=True, slots=True)
class Reading:
    """One cleaned text with its clauses and the survey question it answers ("" if none)."""

    text: str
    question: str
    spans: tuple[Span, ...]


class Scorer(Protocol):
    """Computes; changes nothing. Safe to call from several threads."""

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        """One matrix a reading, in order, shape (spans read, layout.width).

        Every reading has at least one span. A matrix has fewer rows than spans where the end of a very long
        text was not read.
        """
        ...
