"""Comments as the arrays that drift is looked for in. Pure: no SQL.

    sample = arrays(rows, names, "lw-e86b883b0b2c")
    sample.take(sample.lengths > 100)

Of a label's probability no more is kept than an analysis holds: that of the labels found, and of those within 0.15 of
their threshold. All that is lower counts as 0.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.taxonomy import Taxonomy
from service.corrections.in_force import GROUPS
from service.drift.repository import Read

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SENTIMENT = "sentiment"
_SIDES = ("negative", "neutral", "positive")
_SIGNALS = ("empathy", "effort", "loyalty")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Names:
    """What the columns are called: of scores the labels and the sentiment, of vectors more than that."""

    labels: tuple[str, ...]
    touchpoints: tuple[str, ...]
    intents: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the vectors."""
        places = (f"touchpoint {one}" for one in self.touchpoints)
        intents = (f"intent {one}" for one in self.intents)
        return (*self.labels, *places, *(f"sentiment {side}" for side in _SIDES), *_SIGNALS, *intents)

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> "Names":
        """The model's."""
        return cls(
            tuple(taxonomy.kinds),
            tuple(one.key for one in taxonomy.touchpoints),
            tuple(taxonomy.intents),
        )


@dataclass(frozen=True)
class Sample:
    """A row a comment, in all columns.

    `judged` are those that the model in force read and found words in: only they have `scores` (labels, then the
    sentiment from -1 to 1) and `vectors` (all calibrated probabilities). `read` are those that it was given.
    """

    ids: NDArray[np.object_]
    words: NDArray[np.object_]
    lengths: Floats
    languages: NDArray[np.object_]
    read: Mask
    judged: Mask
    unread: Mask
    out_of_scope: Mask
    scores: Floats
    vectors: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: Mask) -> "Sample":
        """Some of the rows."""
        return Sample(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})


def arrays(rows: Sequence[Read], names: Names, model_version: str) -> Sample:
    """Columns of the rows; what other versions than `model_version` said counts for nothing."""
    bodies = [row.body for row in rows]
    read = _mask(body["model_version"] == model_version for body in bodies)
    seen = _mask(body["status"] == "analyzed" for body in bodies)
    numbers = [list(_numbers(body, names)) for body in bodies]
    vectors = np.array(numbers, dtype=float).reshape(len(rows), len(names.columns))
    labels = len(names.labels)
    scores = np.zeros((len(rows), labels + 1))
    if len(rows):
        scores[:, :labels] = vectors[:, :labels]
        scores[:, labels] = [body["sentiment"]["score"] if body["sentiment"] else 0.0 for body in bodies]
    return Sample(
        ids=_objects([row.id for row in rows]),
        words=_objects([frozenset(_WORD.findall(row.text.casefold())) for row in rows]),
        lengths=np.array([len(row.text) for row in rows], dtype=float),
        languages=_objects([body["language"]["code"] for body in bodies]),
        read=read,
        judged=read & seen & _mask(not body.get("no_content", False) for body in bodies),
        unread=~seen,
        out_of_scope=_mask("out_of_scope" in body["review"]["reasons"] for body in bodies),
        scores=scores,
        vectors=vectors,
    )


def _numbers(body: Mapping[str, Any], names: Names) -> Iterator[float]:
    found = {one["id"]: one["probability"] for one in body["review"].get("doubts", ())}
    found |= {one["id"]: one["probability"] for group in GROUPS for one in body.get(group, ())}
    yield from (found.get(label, 0.0) for label in names.labels)
    places = {one["id"]: one["probability"] for one in body["touchpoints"]}
    yield from (places.get(place, 0.0) for place in names.touchpoints)
    sides = body["sentiment"]["probabilities"] if body["sentiment"] else {}
    yield from (sides.get(side, 0.0) for side in _SIDES)
    yield from (body[signal]["probability_expressed"] if body[signal] else 0.0 for signal in _SIGNALS)
    intent = body["intent"] or {"label": None, "probability": 0.0}
    yield from (intent["probability"] if intent["label"] == name else 0.0 for name in names.intents)


def _mask(values: Iterable[bool]) -> Mask:
    return np.fromiter(values, dtype=bool)


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    # Of lists of one length NumPy would make a table.
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
