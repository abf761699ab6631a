"""Labelled files to what a run trains on and what it holds out."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.gold import LabelledComment, read_for_training, read_texts
from models.errors import InputError
from models.taxonomy import Taxonomy
from training.split import held_out


@dataclass(frozen=True)
class Corpus:
    """The comments of a run, split, with the record of where they came from."""

    training: list[LabelledComment]
    held_out: list[LabelledComment]
    files: list[dict[str, Any]]

    @property
    def fingerprint(self) -> str:
        """Changes with any byte of any file."""
        return " ".join(file["sha256"] for file in self.files)


def read_corpus(
    paths: Sequence[Path],
    taxonomy: Taxonomy,
    *,
    share: float,
    seed: int,
    limit: int = 0,
    texts: Iterable[Path] = (),
) -> Corpus:
    """Read labelled files, at most `limit` comments of each (0: all), and hold out a share of them.

    Raises `InputError`: "invalid_labels" for a malformed line, "not_for_training" where a file marks a comment
    as one that only measures, "too_few_comments" where nothing would be left on one side.
    """
    known = read_texts(texts)
    comments: list[LabelledComment] = []
    files: list[dict[str, Any]] = []
    for path in paths:
        found = read_for_training(path, taxonomy, known)
        found = found[:limit] if limit else found
        comments += found
        files.append(_record(path, found))
    sides = held_out([comment.text for comment in comments], share, seed=seed)
    corpus = Corpus(
        training=[comment for comment, held in zip(comments, sides, strict=True) if not held],
        held_out=[comment for comment, held in zip(comments, sides, strict=True) if held],
        files=files,
    )
    if len(corpus.training) < 8 or len(corpus.held_out) < 4:
        raise InputError(
            f"{len(comments)} labelled comments are too few: {len(corpus.training)} to train on and "
            f"{len(corpus.held_out)} held out; at least 8 and 4 are needed",
            code="too_few_comments",
        )
    return corpus


def _record(path: Path, comments: Sequence[LabelledComment]) -> dict[str, Any]:
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "comments": len(comments),
        "sources": dict(Counter(comment.source for comment in comments).most_common()),
    }
