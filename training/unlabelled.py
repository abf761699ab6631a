"""Texts that nobody labelled by the codebook, for teachers to speak of, and texts of which only the polarity is known.

    texts = read_unlabelled([Path("pool.jsonl.gz")], limit=6000, draw=1, known=comments)
    texts, polarities = read_emotions(Path("goemotions.jsonl.gz"), limit=6000, draw=1, known=comments)
    texts, polarities = read_opinions(Path("opinions.jsonl.gz"), known=comments)

An unlabelled line needs `id` and `text`; `question` and `source` may be there. Of each source at most `limit` texts
are taken, chosen by a hash of the text, so that a choice stays the same when others are added; another `draw` takes
others.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.gold import json_lines
from models.errors import InputError
from models.heads import LEVELS
from models.schema import Comment
from models.text import words_of

NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2
_EMOTIONS = {
    NEGATIVE: "anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness",
    NEUTRAL: "neutral",
    POSITIVE: "admiration amusement approval caring desire excitement gratitude joy love optimism pride relief",
}
_SIDE_OF = {emotion: side for side, names in _EMOTIONS.items() for emotion in names.split()}


def read_unlabelled(
    paths: Sequence[Path], *, limit: int, draw: int, known: Collection[str]
) -> list[tuple[Path, Comment]]:
    """Comments to be taught by teachers, each with its file, none twice and none whose text is, case and signs aside,
    in `known`.

    Raises `InputError` (code "invalid_texts") naming the file and the line that has no text.
    """
    seen = {_words(text) for text in known}
    found: list[tuple[str, str, Path, Comment]] = []
    for path in paths:
        for number, entry in _entries(path):
            text, question = entry.get("text"), entry.get("question")
            if not isinstance(text, str):
                raise _unfit(path, number, "text: must be a string")
            if not isinstance(question, str | None):
                raise _unfit(path, number, "question: must be a string or null")
            if (words := _words(text)) and words not in seen:
                seen.add(words)
                source = str(entry.get("source") or path.name)
                comment = Comment(text=text, question=question)
                found.append((_order(words, draw), source, path, comment))
    taken: Counter[str] = Counter()
    chosen = []
    for _, source, path, comment in sorted(found, key=lambda each: each[0]):
        if not limit or taken[source] < limit:
            taken[source] += 1
            chosen.append((path, comment))
    return chosen


def read_emotions(
    path: Path, *, limit: int, draw: int, known: Collection[str]
) -> tuple[list[Comment], list[int]]:
    """Texts labelled with emotions (Demszky et al. 2020), as polarities: those whose emotions all lean one way.

    As many of each side, at most `limit` in all: praise is twice as common there as blame, and whoever reads them is
    not to learn that from them. None whose text is, case and signs aside, in `known`.

    Raises `InputError` (code "invalid_texts") naming the file and the line without `text` or `labels.emotions`.
    """
    seen = {_words(text) for text in known}
    found: dict[int, list[tuple[str, str]]] = {NEGATIVE: [], NEUTRAL: [], POSITIVE: []}
    for number, entry in _entries(path):
        text, emotions = entry.get("text"), _emotions(entry)
        if not isinstance(text, str):
            raise _unfit(path, number, "text: must be a string")
        if emotions is None:
            raise _unfit(path, number, "labels.emotions: must be a list of strings")
        sides = {_SIDE_OF.get(emotion) for emotion in emotions}
        side, words = sides.pop() if len(sides) == 1 else None, _words(text)
        if side is not None and words not in seen:
            found[side].append((_order(words, draw), text))
    each = min(len(texts) for texts in found.values())
    if limit:
        each = min(each, limit // len(found))
    chosen = [(text, side) for side, texts in found.items() for _, text in sorted(texts)[:each]]
    return [Comment(text=text) for text, _ in chosen], [side for _, side in chosen]


def read_opinions(path: Path, *, known: Collection[str]) -> tuple[list[Comment], list[int]]:
    """Texts with a `sentiment` from -2 to 2 and no more, as polarities; none twice and none that is in `known`.

    Raises `InputError` (code "invalid_texts") naming the file and the line that lacks one or has another value.
    """
    seen = {_words(text) for text in known}
    comments: list[Comment] = []
    sides: list[int] = []
    for number, entry in _entries(path):
        text, level = entry.get("text"), entry.get("sentiment")
        if not isinstance(text, str) or type(level) is not int or level not in LEVELS:
            raise _unfit(path, number, f"text: must be a string, and sentiment one of {LEVELS}")
        if (words := _words(text)) and words not in seen:
            seen.add(words)
            comments.append(Comment(text=text))
            sides.append(NEUTRAL + (level > 0) - (level < 0))
    return comments, sides


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, entry in json_lines(path, code="invalid_texts"):
        if not isinstance(entry, dict):
            raise _unfit(path, number, "must be an object")
        yield number, entry


def _emotions(entry: dict[str, Any]) -> list[str] | None:
    labels = entry.get("labels")
    found = labels.get("emotions") if isinstance(labels, dict) else None
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


def _unfit(path: Path, number: int, problem: str) -> InputError:
    return InputError(f"{path.name}, line {number}: {problem}", code="invalid_texts")


def _words(text: str) -> str:
    return " ".join(words_of(text))


def _order(words: str, draw: int) -> str:
    return hashlib.sha256(f"{draw} {words}".encode()).hexdigest()
