"""What there is to learn from: the examples of a taxonomy file and labelled comments, as targets; and the stage.

A text under a category's `examples` has that category, and those alone under which it stands. A counter-example
lacks one category, and nothing is known of the others.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluation.categorized import Categorized
from models.categories import OwnCategories
from models.errors import InputError
from models.schema import Comment
from models.taxonomy import Taxonomy
from training.categories.directions import Targets, shown

Stage = Literal["described", "examples", "tuned"]
STAGES: tuple[Stage, ...] = ("described", "examples", "tuned")
ENOUGH_TO_TUNE = 1_000
"""Labelled comments from which on some can be held out, for early stopping and calibration."""


@dataclass(frozen=True)
class Lessons:
    """Comments with targets, shape (comments, categories); see `Targets`."""

    comments: list[Comment]
    targets: Targets

    def part(self, places: Sequence[int]) -> "Lessons":
        """Some of them."""
        return Lessons([self.comments[place] for place in places], self.targets[list(places)])

    @property
    def taught(self) -> int:
        """How many comments have a category."""
        return int((self.targets == 1).any(axis=1).sum())

    @property
    def support(self) -> list[int]:
        """How many comments have each category."""
        return [int(n) for n in (self.targets == 1).sum(axis=0)]

    @property
    def fingerprint(self) -> str:
        """Changes with any text, question or label."""
        said = [[comment.text, comment.question] for comment in self.comments]
        rest = np.nan_to_num(self.targets, nan=-1).astype(int).tolist()
        return hashlib.sha256(json.dumps([said, rest]).encode()).hexdigest()


def lessons_of(own: OwnCategories, labelled: Sequence[Categorized]) -> Lessons:
    """Everything that teaches, labelled comments first; of a text that is labelled, what stands under `examples` is not
    heard.

    Raises `InputError` (code "contradicting_examples") where categories exclude each other and an example stands
    under two of them.
    """
    ids = [category.id for category in own.taxonomy.categories]
    comments = [each.comment for each in labelled]
    rows = [np.isin(ids, each.categories).astype(np.float32) for each in labelled]
    places: dict[str, list[str]] = {}
    known = {each.text for each in labelled}
    for id, texts in own.examples.items():
        for text in texts:
            places.setdefault(text, []).append(id)
    for text, found in places.items():
        if own.taxonomy.exclusive and len(found) > 1:
            raise InputError(
                f"categories {', '.join(found)} exclude each other and share an example",
                code="contradicting_examples",
            )
        if text in known:
            continue
        comments.append(Comment(text))
        rows.append(np.isin(ids, found).astype(np.float32))
    for id, texts in own.counter_examples.items():
        for text in texts:
            if text in known:
                continue
            comments.append(Comment(text))
            rows.append(np.where(np.array(ids) == id, 0, np.nan).astype(np.float32))
    targets = np.array(rows, dtype=np.float32).reshape(len(comments), len(ids))
    return Lessons(comments, targets)


def choose_stage(lessons: Lessons, wanted: Stage | None) -> tuple[Stage, str]:
    """The stage, and why in a sentence.

    Raises `InputError` (code "too_few_comments") where `wanted` needs more than there is.
    """
    n, each = lessons.taught, sum(lessons.support) / len(lessons.support)
    least = {"described": 0, "examples": 1, "tuned": 40}
    if wanted and n < least[wanted]:
        raise InputError(
            f"stage {wanted}: {n} comments with a category; at least {least[wanted]} are needed",
            code="too_few_comments",
        )
    have = f"{n} comments with a category, {each:.1f} a category on average"
    if wanted:
        return wanted, f"asked for ({have})"
    if n == 0:
        return "described", "there are no labelled comments and no examples"
    if n >= ENOUGH_TO_TUNE:
        return "tuned", f"{have}: enough to hold some out"
    return "examples", f"{have}: all are learnt from, for under {ENOUGH_TO_TUNE:,} none can be spared"


def unseen(lessons: Lessons, tax: Taxonomy) -> list[str]:
    """Ids of the categories that no comment has: their descriptions alone speak for them."""
    return [c.id for c, n in zip(tax.categories, lessons.support, strict=True) if n == 0]


def endless(lessons: Lessons, tax: Taxonomy) -> list[str]:
    """Ids of those that comments have and none is known to have not: nothing shows where they end."""
    taught = shown(lessons.targets)
    pairs = zip(tax.categories, lessons.support, taught, strict=True)
    return [category.id for category, n, is_taught in pairs if n and not is_taught]


def folds(lessons: Lessons, count: int, *, seed: int) -> list[list[int]]:
    """Places of the comments in `count` parts; equal texts share one, and each category is spread over all."""
    groups: dict[str, list[int]] = {}
    for place, comment in enumerate(lessons.comments):
        groups.setdefault(" ".join(comment.text.lower().split()), []).append(place)
    rare = Counter({k: n for k, n in enumerate(lessons.support)})
    shuffled = sorted(groups, key=lambda text: _lot(f"{seed} {text}"))
    shuffled.sort(key=lambda text: _rarest(lessons.targets[groups[text][0]], rare))
    parts: list[list[int]] = [[] for _ in range(count)]
    for turn, text in enumerate(shuffled):
        parts[turn % count] += groups[text]
    return [sorted(part) for part in parts]


def _lot(text: str) -> bytes:
    # Half an emoji is no UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _rarest(row: Targets, support: Counter[int]) -> int:
    held = np.flatnonzero(row == 1)
    return int(min(held, key=lambda k: (support[int(k)], k))) if len(held) else -1
