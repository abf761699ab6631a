"""From a matrix of scores to calibrated probabilities and decisions.

A scorer gives one row of logits for each span of a comment. `Layout` says what the columns mean:

    labels       20   issues, then strengths          a comment's logit is the largest of its spans'
    signals       4   hard, easy, leaving, staying    the same
    touchpoints  10   as in the taxonomy              the same
    sentiment     5   levels -2 .. 2                  a comment's logits are the mean of its spans',
    empathy       5   levels -2 .. 2                  weighted by the softmax of the last column
    intent        5   as in the taxonomy              the same
    weight        1   how much the span counts for the whole

A taxonomy of a person's own categories has their columns in place of all but the last: among those that are
there or not, or as one more choice where they exclude each other.

So the words that made a label are known without asking again, and a long comment in several windows is read
like a short one. Numpy only: serving needs no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.taxonomy import Taxonomy

Scores = NDArray[np.float32]

LEVELS = (-2, -1, 0, 1, 2)
SIGNALS = ("effort_hard", "effort_easy", "loyalty_leaving", "loyalty_staying")


class Layout:
    """The columns of a score matrix for one taxonomy."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.labels = tuple(label.id for label in taxonomy.labels)
        self.touchpoints = tuple(f"touchpoint_{t.key}" for t in taxonomy.touchpoints)
        self.categories = tuple(category.id for category in taxonomy.categories)
        signals = SIGNALS if taxonomy.themes else ()
        self.detected = self.labels + signals + self.touchpoints
        """Columns that are there or not, each by itself (a sigmoid)."""
        if not taxonomy.exclusive:
            self.detected += self.categories
        levels = len(LEVELS) if taxonomy.themes else 0
        start = len(self.detected)
        self.sentiment = slice(start, start + levels)
        self.empathy = slice(self.sentiment.stop, self.sentiment.stop + levels)
        self.intent = slice(self.empathy.stop, self.empathy.stop + len(taxonomy.intents))
        self.category = slice(self.intent.stop, self.intent.stop + len(self.categories) * taxonomy.exclusive)
        every = {
            "sentiment": self.sentiment,
            "empathy": self.empathy,
            "intent": self.intent,
            "category": self.category,
        }
        self.choices = {name: columns for name, columns in every.items() if columns.stop > columns.start}
        """Columns of which one is true (a softmax)."""
        self.weight = self.category.stop
        self.width = self.weight + 1

    def index(self, column: str) -> int:
        """The column of a detected name."""
        return self.detected.index(column)

    def pool(self, scores: Scores, counts: Sequence[int] | NDArray[np.int_]) -> Scores:
        """Comment logits, shape (comments, width - 1), from the span logits of all, shape (spans, width).

        `counts` says how many spans each comment has, one or more; their rows follow each other.
        """
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        detected, weight = scores[:, : len(self.detected)], scores[:, self.weight]
        powers = np.exp(weight - np.repeat(np.maximum.reduceat(weight, starts), counts))[:, None]
        choices = scores[:, len(self.detected) : self.weight]
        mean = np.add.reduceat(powers * choices, starts) / np.add.reduceat(powers, starts)
        return np.concatenate([np.maximum.reduceat(detected, starts), mean], axis=1)


@dataclass(frozen=True)
class Calibration:
    """How logits become probabilities that mean what they say, fitted on held-out comments.

    `platt`: detected column → (slope, intercept), p = sigmoid(slope * logit + intercept) (Platt 1999).
    `temperature`: choice → T, p = softmax(logits / T) (Guo et al. 2017).
    `errors`: label → counts tp, fp, fn, tn at its threshold on the held-out comments, for estimated rates.
    `doubt`: how many wrong labels a comment may be expected to have before a person should look at it.
    """

    platt: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    temperature: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    doubt: float = 1.0

    def detected(self, layout: Layout, logits: Scores) -> Scores:
        """Probabilities of the detected columns; `logits` has them first on its last axis."""
        pairs = np.array([self.platt.get(name, (1.0, 0.0)) for name in layout.detected], dtype=np.float32)
        pairs = pairs.reshape(-1, 2)  # where nothing is detected too
        return sigmoid(logits[..., : len(pairs)] * pairs[:, 0] + pairs[:, 1])

    def choice(self, layout: Layout, name: str, pooled: Scores) -> Scores:
        """Probabilities of one choice (sentiment, empathy, intent, category); they sum to 1.

        `pooled` has its columns on the last axis.
        """
        return softmax(pooled[..., layout.choices[name]] / self.temperature.get(name, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """As stored in an artifact."""
        return {
            "platt": dict(self.platt),
            "temperature": dict(self.temperature),
            "errors": dict(self.errors),
            "doubt": self.doubt,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Calibration":
        """Read back what `to_dict` wrote."""
        platt = {name: (float(a), float(b)) for name, (a, b) in data["platt"].items()}
        return cls(
            platt=platt,
            temperature=data["temperature"],
            errors=data["errors"],
            doubt=float(data.get("doubt", cls.doubt)),
        )


def expected_errors(probabilities: NDArray[np.floating], decided: NDArray[np.bool_]) -> NDArray[np.floating]:
    """How many of a comment's label decisions are expected to be wrong, from calibrated (…, labels) probabilities.

    A label that is given is wrong with 1 - p, one that is not with p.
    """
    return np.asarray(np.where(decided, 1 - probabilities, probabilities).sum(axis=-1))


def sigmoid(logits: Scores) -> Scores:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)


def softmax(logits: Scores) -> Scores:
    """Softmax over the last axis without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
