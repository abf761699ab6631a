"""What masking found of what was marked, and how much of what it hid was to be hidden.

A marked stretch is found if every letter and digit of it is hidden, under whatever kind. A hidden stretch is right
if at least half of its letters and digits are marked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.intervals import wilson
from evaluation.privacy.marked import Marked
from models.masking.kinds import KINDS
from models.masking.masker import Hidden


@dataclass(frozen=True)
class Share:
    """`hits` of `n`, with its 95 % Wilson interval; NaN for none of none."""

    hits: int
    n: int

    def __str__(self) -> str:
        low, high = wilson(self.hits, self.n)
        return f"{self.hits / self.n:.2f} [{low:.2f}, {high:.2f}] of {self.n}" if self.n else "– of 0"


@dataclass(frozen=True)
class Row:
    """The figures of one kind, or of all."""

    name: str
    recall: Share
    precision: Share


@dataclass(frozen=True)
class Judged:
    """Each marked stretch and whether it was found, each hidden one and whether that was right."""

    marked: tuple[tuple[Hidden, bool], ...]
    hidden: tuple[tuple[Hidden, bool], ...]


def judge(comment: Marked, hidden: Sequence[Hidden]) -> Judged:
    """One comment, and what masking hid in it."""
    covered, wanted = _places(comment.text, hidden), _places(comment.text, comment.spans)
    found = tuple((one, _places(comment.text, [one]) <= covered) for one in comment.spans)
    right = []
    for one in hidden:
        places = _places(comment.text, [one])
        right.append((one, 2 * len(places & wanted) >= len(places)))
    return Judged(found, tuple(right))


def rows(judged: Sequence[Judged]) -> list[Row]:
    """A row for each kind, then one for all of them."""
    marked = [pair for each in judged for pair in each.marked]
    hidden = [pair for each in judged for pair in each.hidden]
    table = [
        Row(
            kind,
            _share(good for one, good in marked if one.kind == kind),
            _share(good for one, good in hidden if one.kind == kind),
        )
        for kind in KINDS
    ]
    return [*table, Row("all", _share(good for _, good in marked), _share(good for _, good in hidden))]


def _share(flags: Iterable[bool]) -> Share:
    known = list(flags)
    return Share(sum(known), len(known))


def _places(text: str, spans: Iterable[Hidden]) -> set[int]:
    return {place for one in spans for place in range(one.start, one.end) if text[place].isalnum()}
