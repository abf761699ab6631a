"""Comments labelled with a person's own categories: JSONL, one comment a line.

{"id": "r-1", "text": "Nowhere to park.", "question": null, "labels": {"categories": ["parking"]}}

comments = read_categorized(Path("few.jsonl"), taxonomy)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.gold import json_lines
from models.errors import InputError
from models.schema import Comment
from models.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Categorized:
    """One comment with the ids of its categories; one exactly where they exclude each other."""

    id: str
    text: str
    question: str | None
    categories: tuple[str, ...]

    @property
    def comment(self) -> Comment:
        """As a pipeline takes it."""
        return Comment(text=self.text, question=self.question, id=self.id)


def read_categorized(path: Path, taxonomy: Taxonomy, *, learnt: bool = False) -> list[Categorized]:
    """Read a labelled file (.gz or not), in order; what is to be `learnt` may not be marked as only measuring.

    Raises `InputError` (code "invalid_labels") naming the file, the line and the field that is at fault.
    """
    found: dict[str, Categorized] = {}
    known = {category.id for category in taxonomy.categories}
    for number, value in json_lines(path):
        try:
            comment = _comment(value, known, taxonomy.exclusive, learnt=learnt)
            if comment.id in found:
                raise _Unfit("id: used before")
        except _Unfit as error:
            raise InputError(f"{path.name}, line {number}: {error}", code="invalid_labels") from error
        found[comment.id] = comment
    if not found:
        raise InputError(f"{path.name}: no labelled comment in it", code="invalid_labels")
    return list(found.values())


def category_matrix(comments: Sequence[Categorized], taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Which categories are there, shape (comments, categories), in the order of the taxonomy."""
    ids = [category.id for category in taxonomy.categories]
    truth = [[id in comment.categories for id in ids] for comment in comments]
    return np.array(truth, dtype=bool).reshape(len(comments), len(ids))


class _Unfit(ValueError):
    """What is wrong with which field; the reader adds the file and the line."""


def _comment(line: Any, known: set[str], exclusive: bool, *, learnt: bool) -> Categorized:
    if not isinstance(line, dict):
        raise _Unfit("must be an object")
    for key in ("id", "text"):
        if not isinstance(line.get(key), str) or not line[key]:
            raise _Unfit(f"{key}: must be a string that is not empty")
    question = line.get("question")
    if question is not None and not isinstance(question, str):
        raise _Unfit("question: must be a string or null")
    if learnt and line.get("train") is False:
        raise _Unfit("train: is false, so that this comment only measures; such a file is not for training")
    return Categorized(line["id"], line["text"], question or None, _categories(line, known, exclusive))


def _categories(line: dict[str, Any], known: set[str], exclusive: bool) -> tuple[str, ...]:
    labels = line.get("labels")
    ids = labels.get("categories") if isinstance(labels, dict) else None
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise _Unfit("labels.categories: must be a list of category ids")
    unknown = sorted(set(ids) - known)
    if unknown:
        raise _Unfit(f"labels.categories: no category of the taxonomy: {', '.join(unknown)}")
    if exclusive and len(set(ids)) != 1:
        raise _Unfit(f"labels.categories: must be exactly one, for they exclude each other; found {len(ids)}")
    return tuple(dict.fromkeys(ids))
