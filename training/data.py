"""Labelled files to what a run trains on and what it holds out."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from evaluation.categorized import Categorized
from evaluation.frozen import hashes_of, learnt_by
from evaluation.gold import CORRECTION, Asked, LabelledComment, json_lines, read_for_training
from models.errors import InputError
from models.schema import Comment
from models.taxonomy import Taxonomy
from training.split import held_out
from training.unlabelled import read_emotions, read_opinions, read_unlabelled

Labelled = TypeVar("Labelled", LabelledComment, Categorized)


@dataclass(frozen=True)
class Corpus:
    """The comments of a run, split, with the record of where they came from.

    `gone` comments were in a file but are no longer in the store; `audited` ones were drawn for its audit, which is to
    measure what is learnt from the others. `polar` are texts of which only the polarity is known (`polarities`: 0
    negative, 1 neutral, 2 positive), `unlabelled` those of which nothing is.
    """

    training: list[LabelledComment]
    held_out: list[LabelledComment]
    files: list[dict[str, Any]]
    gone: int = 0
    audited: int = 0
    polar: list[Comment] = field(default_factory=list)
    polarities: list[int] = field(default_factory=list)
    unlabelled: list[Comment] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """Changes with any byte of any file, and with which texts and questions are on which side.

        The files alone do not tell: questions come from `texts`, and what the exam bars is not among the unlabelled.
        """
        labelled = [[one.comment for one in side] for side in (self.training, self.held_out)]
        sides = [
            [(one.text, one.question) for one in side] for side in (*labelled, self.polar, self.unlabelled)
        ]
        digest = hashlib.sha256(json.dumps(sides).encode()).hexdigest()
        return " ".join([*(file["sha256"] for file in self.files), digest])


def read_corpus(
    paths: Sequence[Path],
    taxonomy: Taxonomy,
    *,
    share: float,
    seed: int,
    limit: int = 0,
    texts: Mapping[str, Asked] | None = None,
    production: Path | None = None,
    audited: Path | None = None,
) -> Corpus:
    """Read labelled files, at most `limit` comments of each (0: all), and hold out a share of them.

    `texts` are those that stand-off labels speak of. A comment that is in several files counts once, with the labels of
    the last one. `production`, read last of all, is every correction in the store: of comments that other files have
    from an earlier export, those that it does not know were erased, or their corrections withdrawn, and are left out.
    So is what was drawn for the store's audit, `audited`: a line with `id` and `text` each.

    Raises `InputError`: "invalid_labels" for a malformed line, "not_for_training" where a file marks a comment
    as one that only measures, "too_few_comments" where nothing would be left on one side.
    """
    every = [*paths, *([production] if production else [])]
    read = [read_for_training(path, taxonomy, texts) for path in every]
    # The limit is one of old data: what people corrected is little, and it is what the run is for.
    found = [
        part[:limit] if limit and path != production else part for path, part in zip(every, read, strict=True)
    ]
    there = _without_erased(found) if production else found
    measuring = _without_audited(there, audited) if audited else there
    parts = once(measuring)
    comments = [comment for part in parts for comment in part]
    customers = [comment.group for comment in comments]
    sides = held_out([comment.text for comment in comments], share, seed=seed, customers=customers)
    corpus = Corpus(
        training=[comment for comment, held in zip(comments, sides, strict=True) if not held],
        held_out=[comment for comment, held in zip(comments, sides, strict=True) if held],
        files=[_record(path, part) for path, part in zip(every, parts, strict=True)],
        gone=sum(map(len, found)) - sum(map(len, there)),
        audited=sum(map(len, there)) - sum(map(len, measuring)),
    )
    if len(corpus.training) < 8 or len(corpus.held_out) < 4:
        raise InputError(
            f"{len(comments)} labelled comments are too few: {len(corpus.training)} to train on and "
            f"{len(corpus.held_out)} held out; at least 8 and 4 are needed",
            code="too_few_comments",
        )
    return corpus


def _without_erased(parts: list[list[LabelledComment]]) -> list[list[LabelledComment]]:
    """Without what the last part, the store's, does not know any more of what once came from there."""
    # By their words too: an id may have come back with others, and the words that were erased are not to.
    known = {(comment.id, comment.text) for comment in parts[-1]}
    return [[one for one in part if one.draw != CORRECTION or (one.id, one.text) in known] for part in parts]


def _without_audited(parts: list[list[LabelledComment]], audited: Path) -> list[list[LabelledComment]]:
    """Without the comments of the audit, by id and text, or by words where they came under another id."""
    drawn = [one for _, one in json_lines(audited)]
    named, worded = {(one["id"], one["text"]) for one in drawn}, hashes_of(one["text"] for one in drawn)
    return [
        [one for one in part if (one.id, one.text) not in named and not hashes_of([one.text]) & worded]
        for part in parts
    ]


def once(parts: list[list[Labelled]]) -> list[list[Labelled]]:
    """Each comment in the last part that has it."""
    last = {(one.id, one.text): number for number, part in enumerate(parts) for one in part}
    return [[one for one in part if last[one.id, one.text] == number] for number, part in enumerate(parts)]


def add_unlabelled(
    corpus: Corpus,
    unlabelled: Sequence[Path],
    emotions: Sequence[Path],
    opinions: Sequence[Path],
    barred: Sequence[str],
    *,
    limit: int,
    draw: int,
) -> None:
    """Add texts without labels of ours, none that is labelled or in `barred`.

    At most `limit` of each source, another `draw` others; of opinions, which are few, all.
    """
    known = [labelled.text for labelled in (*corpus.training, *corpus.held_out)] + list(barred)
    polar = [(path, read_emotions(path, limit=limit, draw=draw, known=known)) for path in emotions]
    polar += [(path, read_opinions(path, known=known)) for path in opinions]
    for path, (comments, polarities) in polar:
        corpus.polar.extend(comments)
        corpus.polarities.extend(polarities)
        corpus.files.append(_plain_record(path, len(comments), "polarity alone"))
    known += [comment.text for comment in corpus.polar]
    chosen = read_unlabelled(unlabelled, limit=limit, draw=draw, known=known)
    corpus.unlabelled.extend(comment for _, comment in chosen)
    taken = Counter(path for path, _ in chosen)
    corpus.files.extend(_plain_record(path, taken[path], "without labels") for path in unlabelled)


def learnt_from(corpus: Corpus, models: Iterable[Path]) -> tuple[set[str], list[Path]]:
    """Hashes of every text of a run, and of those that the models which it goes on from or learns from know.

    Beside them the models that do not say what they learnt: where there is one, the hashes are not all.
    """
    labelled = [one.text for one in (*corpus.training, *corpus.held_out)]
    plain = [one.text for one in (*corpus.polar, *corpus.unlabelled)]
    known = {model: learnt_by(model) for model in models}
    hashes = hashes_of(labelled + plain).union(*(of_model or set() for of_model in known.values()))
    return hashes, [model for model, of_model in known.items() if of_model is None]


def _plain_record(path: Path, comments: int, known: str) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": path.name, "sha256": digest, "comments": comments, "sources": {known: comments}}


def _record(path: Path, comments: Sequence[LabelledComment]) -> dict[str, Any]:
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "comments": len(comments),
        "sources": dict(Counter(comment.source for comment in comments).most_common()),
    }
