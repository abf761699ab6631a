"""The one reader of labelled files: JSONL, one comment a line, with the labels of the codebook.

    comments = read_labelled(Path("dev.jsonl"), taxonomy.load())

A line needs `id`, `text` and `labels`; `question`, `source`, `industry`, `draw`, `sentences` and `train` may
be left out, and so may `said`: who said what of labels. Every value is checked, offsets against the text, so that
nobody need check again.

Labels may also stand off from texts that must stay where they are: a line then has `text_sha256` in place of
`text`, and text and question are found by its `id` among those that `read_texts` gives.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.heads import LEVELS
from models.schema import Comment
from models.segments import Span, sentences
from models.taxonomy import Label, Polarity, Taxonomy

Asked = tuple[str, str | None]
"""A text and the question that it answers."""


CORRECTION = "correction"
"""The `draw` of a comment that `listenwell labels export` wrote."""


@dataclass(frozen=True, slots=True)
class LabelledMention:
    """An issue or a strength that is there, with the sentences that say so (at least one)."""

    id: str
    theme: str
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """What the annotators said of one comment.

    `sentiment` is -2..2; `empathy` -2..2 or None where nothing is said of it; `effort` 1 (hard), -1 (easy)
    or None; `loyalty` 1 (staying), -1 (leaving) or None.
    """

    issues: tuple[LabelledMention, ...]
    strengths: tuple[LabelledMention, ...]
    sentiment: int
    mixed: bool
    empathy: int | None
    effort: int | None
    loyalty: int | None
    intent: str
    touchpoints: tuple[str, ...]

    @property
    def mentions(self) -> tuple[LabelledMention, ...]:
        """Issues, then strengths."""
        return self.issues + self.strengths


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of some labels of a comment, and when: that they are there, or that they are not."""

    actor: str
    at: datetime
    labels: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class LabelledComment:
    """One comment with its labels.

    `draw` is "random" or how the comment was found; `train` says whether it may be trained on. Comments of
    one `group`, if they have one, are of one customer. `said` is what people said of its labels, where that is kept.
    """

    id: str
    text: str
    question: str | None
    source: str
    industry: str
    draw: str
    train: bool
    sentences: tuple[Span, ...]
    labels: Labels
    group: str | None = None
    said: tuple[Said, ...] = ()

    @property
    def comment(self) -> Comment:
        """As a pipeline takes it."""
        return Comment(text=self.text, question=self.question, id=self.id)


def read_texts(paths: Iterable[Path]) -> dict[str, Asked]:
    """Texts with their questions from JSONL files (.gz or not), by id, for labels that stand off from them."""
    texts: dict[str, Asked] = {}
    for path in paths:
        for number, value in json_lines(path):
            try:
                entry = _Field("line", value)
                texts[entry.get("id").string()] = (entry.get("text").string(), _question(entry))
            except _Unfit as error:
                raise _refused(path, number, str(error)) from error
    return texts


def read_labelled(
    path: Path, taxonomy: Taxonomy, texts: Mapping[str, Asked] | None = None
) -> list[LabelledComment]:
    """Read a labelled file, in order; `texts` are those that stand-off labels speak of.

    Raises `InputError` with code "invalid_labels" naming the file, the line and the field that is at fault.
    """
    comments: list[LabelledComment] = []
    first_line: dict[str, int] = {}
    for number, value in json_lines(path):
        try:
            comment = _comment(_Field("line", value), taxonomy, texts or {})
            if comment.id in first_line:
                raise _Unfit("id", f"used before, in line {first_line[comment.id]}")
        except _Unfit as error:
            raise _refused(path, number, str(error)) from error
        first_line[comment.id] = number
        comments.append(comment)
    if not comments:
        raise InputError(f"{path.name}: no labelled comment in it", code="invalid_labels")
    return comments


def read_for_training(
    path: Path, taxonomy: Taxonomy, texts: Mapping[str, Asked] | None = None
) -> list[LabelledComment]:
    """`read_labelled`, but a file with comments that only measure is refused.

    Raises `InputError` with code "not_for_training" naming the file and how many they are.
    """
    comments = read_labelled(path, taxonomy, texts)
    barred = sum(not comment.train for comment in comments)
    if barred:
        raise InputError(
            f'{path.name}: {barred} of {len(comments)} comments are marked "train": false, to measure only',
            code="not_for_training",
        )
    return comments


def labelled_files(places: Iterable[Path]) -> list[Path]:
    """Files as they are, folders as the .jsonl files (.gz or not) in them, by name.

    Raises `InputError` (code "invalid_labels") for a folder without any.
    """
    return [file for place in places for file in (_inside(place) if place.is_dir() else [place])]


def _inside(folder: Path) -> list[Path]:
    found = sorted(file for ending in ("*.jsonl", "*.jsonl.gz") for file in folder.glob(ending))
    if not found:
        raise InputError(f"{folder.name}: no .jsonl or .jsonl.gz file in it", code="invalid_labels")
    return found


def label_matrix(comments: Sequence[LabelledComment], taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Which labels are there, shape (comments, labels), in the order of `taxonomy.labels`."""
    order = {label.id: column for column, label in enumerate(taxonomy.labels)}
    return _matrix([[order[m.id] for m in c.labels.mentions] for c in comments], len(order))


def touchpoint_matrix(comments: Sequence[LabelledComment], taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Which touchpoints are there, shape (comments, touchpoints), in the order of the taxonomy."""
    order = {touchpoint.key: column for column, touchpoint in enumerate(taxonomy.touchpoints)}
    return _matrix([[order[key] for key in c.labels.touchpoints] for c in comments], len(order))


class _Unfit(Exception):
    """What is wrong with which field; `read_labelled` adds the file and the line."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


@dataclass(frozen=True, slots=True)
class _Field:
    """A value of a line with the path that leads to it, so that every complaint can name its field."""

    path: str
    value: Any

    def get(self, key: str) -> "_Field":
        """A member of an object; None where it is absent."""
        if not isinstance(self.value, dict):
            raise _Unfit(self.path, "must be an object")
        return _Field(key if self.path == "line" else f"{self.path}.{key}", self.value.get(key))

    def items(self) -> Iterator["_Field"]:
        """The members of a list."""
        if not isinstance(self.value, list):
            raise _Unfit(self.path, "must be a list")
        return (_Field(f"{self.path}[{place}]", value) for place, value in enumerate(self.value))

    def string(self, default: str | None = None) -> str:
        """A string that is not empty; `default`, if any, stands for null."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str) or not self.value:
            raise _Unfit(self.path, "must be a string that is not empty")
        return self.value

    def boolean(self, default: bool) -> bool:
        """True or false; `default` stands for null."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            raise _Unfit(self.path, "must be true or false")
        return self.value

    def one_of(self, allowed: Sequence[Any]) -> Any:
        """One of a few values; true and false are not numbers here."""
        if isinstance(self.value, bool | float | dict | list) or self.value not in allowed:
            shown = ", ".join("null" if value is None else str(value) for value in allowed)
            raise _Unfit(self.path, f"must be one of {shown}")
        return self.value


def _lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file (.gz or not) that are not blank, with their numbers. Raises `InputError`."""
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: cannot be read: {error}", code="invalid_labels") from error


def json_lines(path: Path, *, code: str = "invalid_labels") -> Iterator[tuple[int, Any]]:
    """The values of a file of JSON lines with their numbers. Raises `InputError` with `code`, naming file and line."""
    for number, line in _lines_of(path):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path.name}, line {number}: not JSON, or too deep", code=code) from error
        yield number, value


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _refused(path: Path, number: int, problem: str) -> InputError:
    return InputError(f"{path.name}, line {number}: {problem}", code="invalid_labels")


def _comment(line: _Field, taxonomy: Taxonomy, texts: Mapping[str, Asked]) -> LabelledComment:
    stands_off = line.get("text").value is None
    text, question = _stand_off(line, texts) if stands_off else (line.get("text").string(), _question(line))
    marked = line.get("sentences")
    return LabelledComment(
        id=line.get("id").string(),
        text=text,
        question=question,
        source=line.get("source").string(default="unknown"),
        industry=line.get("industry").string(default="unknown"),
        draw=line.get("draw").string(default="random"),
        train=line.get("train").boolean(default=True),
        sentences=tuple(sentences(text)) if marked.value is None else _spans(marked, text),
        labels=_labels(line.get("labels"), text, taxonomy),
        group=line.get("group").string(default="") or None,
        said=_said(line.get("said"), taxonomy),
    )


def _question(line: _Field) -> str | None:
    return line.get("question").string(default="") or None


def _stand_off(line: _Field, texts: Mapping[str, Asked]) -> Asked:
    expected = line.get("text_sha256").value
    if expected is None:
        raise _Unfit("text", "must be a string that is not empty")
    found = texts.get(line.get("id").string())
    if found is None:
        raise _Unfit("id", "its text is not among the given texts")
    if hashlib.sha256(found[0].encode()).hexdigest() != expected:
        raise _Unfit("text_sha256", "the text is not the one that was labelled")
    return found


def _labels(field: _Field, text: str, taxonomy: Taxonomy) -> Labels:
    places = tuple(t.key for t in taxonomy.touchpoints)
    return Labels(
        issues=_mentions(field.get("issues"), text, taxonomy, "issue"),
        strengths=_mentions(field.get("strengths"), text, taxonomy, "strength"),
        sentiment=field.get("sentiment").one_of(LEVELS),
        mixed=field.get("mixed").boolean(default=False),
        empathy=field.get("empathy").one_of((*LEVELS, None)),
        effort=field.get("effort").one_of((1, -1, None)),
        loyalty=field.get("loyalty").one_of((1, -1, None)),
        intent=field.get("intent").one_of(taxonomy.intents),
        touchpoints=tuple(item.one_of(places) for item in field.get("touchpoints").items()),
    )


def _said(field: _Field, taxonomy: Taxonomy) -> tuple[Said, ...]:
    known = {label.id for label in taxonomy.labels}
    return () if field.value is None else tuple(_one_said(item, known) for item in field.items())


def _one_said(field: _Field, known: set[str]) -> Said:
    labels, at = field.get("labels"), field.get("at")
    if not isinstance(labels.value, dict) or not set(labels.value) <= known:
        raise _Unfit(labels.path, "must be an object of labels of the taxonomy, each true or false")
    try:
        when = datetime.fromisoformat(at.string())
    except ValueError:
        raise _Unfit(at.path, "must be a date and time (ISO 8601)") from None
    said = {name: labels.get(name).boolean(default=False) for name in labels.value}
    return Said(field.get("actor").string(), when if when.tzinfo else when.replace(tzinfo=UTC), said)


def _mentions(
    field: _Field, text: str, taxonomy: Taxonomy, polarity: Polarity
) -> tuple[LabelledMention, ...]:
    known = {label.id: label for label in taxonomy.labels if label.polarity == polarity}
    mentions = [_mention(item, text, known) for item in field.items()]
    if len({mention.id for mention in mentions}) < len(mentions):
        raise _Unfit(field.path, "the same label twice")
    return tuple(mentions)


def _mention(field: _Field, text: str, known: dict[str, Label]) -> LabelledMention:
    label = known[field.get("id").one_of(tuple(known))]
    evidence = _spans(field.get("evidence"), text)
    if not evidence:
        raise _Unfit(f"{field.path}.evidence", "a label needs at least one sentence as evidence")
    return LabelledMention(id=label.id, theme=label.theme, evidence=evidence)


def _spans(field: _Field, text: str) -> tuple[Span, ...]:
    return tuple(_span(item, len(text)) for item in field.items())


def _span(field: _Field, length: int) -> Span:
    start, end = field.get("start").value, field.get("end").value
    if not (type(start) is int and type(end) is int and 0 <= start < end <= length):
        raise _Unfit(field.path, f"must have 0 <= start < end <= {length}, the length of the text")
    return Span(start, end)


def _matrix(rows: list[list[int]], width: int) -> NDArray[np.bool_]:
    matrix = np.zeros((len(rows), width), dtype=bool)
    for row, columns in enumerate(rows):
        matrix[row, columns] = True
    return matrix
