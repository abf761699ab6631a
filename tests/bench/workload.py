"""The comments that all contestants get: real ones where they are, else our own, never the same one twice.

Real: random draws from the pool of public feedback in ../shared (see its README). Ours: `training/corpus`.
Taken are comments of one to 200 words that are to be read (English, not "n/a"), so that nobody leaves any out or
cuts one off. None comes twice, in this round or a later one: who remembers texts has no use of it.
"""

import random
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
from evaluation.gold import json_lines, labelled_files
from tests.bench.figures import percentile

ROOT = Path(__file__).parents[2]
POOL = ROOT.parent / "shared" / "data" / "pool" / "train_ok.jsonl.gz"
CORPUS = ROOT / "training" / "corpus"
MOST_WORDS = 200


@dataclass
class Workload:
    """Comments in random order, handed out once each."""

    source: str
    texts: list[str]
    given: int = 0

    @property
    def left(self) -> int:
        """How many are still to be had."""
        return len(self.texts) - self.given

    def take(self, number: int) -> list[str]:
        """The next so many. Raises `ValueError` if there are not as many left."""
        if number > self.left:
            raise ValueError(f"the work set has {self.left:,} comments left and not {number:,}")
        self.given += number
        return self.texts[self.given - number : self.given]

    def facts(self) -> dict[str, Any]:
        """Where they are from, how many, how long."""
        words = [len(text.split()) for text in self.texts]
        shares = {"median": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
        return {
            "source": self.source,
            "comments": len(words),
            "words": {name: percentile(words, share) for name, share in shares.items()},
        }


@dataclass(frozen=True)
class Line:
    """A text and where it was said."""

    text: str
    source: str


def gather(even: int, plain: int, *, file: Path | None = None, seed: int = 0) -> tuple[Workload, Workload]:
    """Two work sets that share no comment: `even` comments with as many of each source, `plain` as they come.

    From the file (JSON lines with `text`), else the pool, else our own corpus; fewer where there are not as many.
    """
    place = file or (POOL if POOL.is_file() else CORPUS)
    lines = [line for each in labelled_files([place]) for line in _lines(each)]
    random.Random(seed).shuffle(lines)
    name = "training/corpus" if place == CORPUS else place.name
    drawn = _readable(_in_turn(lines), even)
    first = Workload(f"{name}, as many of each source", drawn)
    rest = _readable([line.text for line in lines], plain, {_same(text) for text in drawn})
    return first, Workload(f"{name}, as they come", rest)


def _lines(file: Path) -> Iterator[Line]:
    for _, fields in json_lines(file):
        if len(fields["text"].split()) <= MOST_WORDS:
            yield Line(fields["text"], fields.get("source", ""))


def _in_turn(lines: Sequence[Line]) -> list[str]:
    """One of each source after the other, for as long as every source has one."""
    sources: dict[str, list[str]] = {}
    for line in lines:
        sources.setdefault(line.source, []).append(line.text)
    return [text for row in zip(*sources.values(), strict=False) for text in row]


def _readable(texts: Sequence[str], number: int, known: Set[str] = frozenset()) -> list[str]:
    """The first so many that differ and are read: the weightless model judges this as every other does."""
    pipeline = models.load("weightless")
    found: dict[str, str] = {}
    for start in range(0, len(texts), 1_000):
        part = {_same(text): text for text in texts[start : start + 1_000]}
        new = [text for key, text in part.items() if key not in known and key not in found]
        for text, analysis in zip(new, pipeline.pipe(map(models.Comment, new)), strict=True):
            if analysis.status == "analyzed" and not analysis.no_content:
                found[_same(text)] = text
        if len(found) >= number:
            break
    return list(found.values())[:number]


def _same(text: str) -> str:
    return " ".join(text.lower().split())
