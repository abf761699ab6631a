"""What goes in and what comes out: `Comment` and `Analysis`, in the words of the public contract.

Plain frozen dataclasses with no dependency, so that every room can speak of the same things. Field names
are the JSON names. Offsets count Unicode code points of the text as it was sent, end exclusive:
`text[start:end] == evidence.text`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal

from models.masking.kinds import Kind

Status = Literal["analyzed", "not_analyzed"]
_ATOMS = frozenset((str, float, int, bool, type(None)))
DOUBT = 0.15
"""A label is in doubt where its probability is nearer to its threshold than this."""
SentimentLabel = Literal["negative", "neutral", "positive"]


@dataclass(frozen=True, slots=True)
class Comment:
    """One piece of feedback, as far as the language room needs to know it.

    `question` is the survey question the comment answers: "Nothing" to "What could we improve?" is not
    a complaint. `language` is an ISO 639-1 code if the sender knows it, else it is detected.
    """

    text: str
    question: str | None = None
    language: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that say so."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentiment:
    """`score` runs from -1 (very negative) to 1 (very positive); `mixed` where praise and blame are both there."""

    label: SentimentLabel
    score: float
    mixed: bool
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class Signal:
    """Empathy, effort or loyalty, present only where the words express it. `score` runs from -1 to 1."""

    score: float
    probability_expressed: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """What the comment is for: complaint, praise, suggestion, question or other."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Mention:
    """An issue, a strength or a category. It is a label where `probability` reaches `threshold`.

    A category of one's own is its own theme. Where categories exclude each other, the threshold of each is the
    probability of its strongest rival.
    """

    id: str
    theme: str
    probability: float
    threshold: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class TouchpointMention:
    """A touchpoint of the taxonomy that the comment speaks about."""

    id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is ISO 639-1, or "und" where the text is too short or odd to tell."""

    code: str
    supported: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label whose `probability` is so near its `threshold` that the model may be wrong either way."""

    id: str
    probability: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Review:
    """Whether a person should look, and why (stable codes).

    `doubts` are the labels within `DOUBT` of their thresholds, found or not, the nearest first; the model is
    sure of all others.
    """

    needed: bool
    reasons: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class Mask:
    """Personal data of one kind that was masked, in which field and where; the mask is as long as what it hides."""

    field: Literal["text", "question"]
    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the model says of one comment.

    `status` is "not_analyzed" where the text is in a language or script that the model does not read:
    then `sentiment` and `intent` are None and there are no labels. "Analysed, nothing found" is "analyzed"
    with empty lists. With `no_content` there was nothing to label: `sentiment` and `intent` are None too.
    A model of a person's own categories fills `categories` and nothing else; other models leave them empty.
    `masked` says what was masked before the comment was read; it is left out where nothing was to be masked.
    """

    id: str | None
    status: Status
    sentiment: Sentiment | None
    empathy: Signal | None
    effort: Signal | None
    loyalty: Signal | None
    intent: Intent | None
    issues: tuple[Mention, ...]
    strengths: tuple[Mention, ...]
    categories: tuple[Mention, ...]
    touchpoints: tuple[TouchpointMention, ...]
    language: Language
    no_content: bool
    truncated: bool
    review: Review
    model_version: str
    taxonomy_version: str
    analyzed_at: str
    masked: tuple[Mask, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract, with lists for tuples."""
        parts: dict[str, Any] = _plain(self)
        if self.masked is None:
            del parts["masked"]
        return parts

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Analysis":
        """Build an analysis again from what `to_dict` gave, or from the JSON made of it."""
        parts = dict(data)
        for key, kind in (("sentiment", Sentiment), ("intent", Intent)):
            parts[key] = None if data[key] is None else kind(**data[key])
        for key in ("empathy", "effort", "loyalty"):
            parts[key] = None if data[key] is None else Signal(**_with_evidence(data[key]))
        for key in ("issues", "strengths"):
            parts[key] = _mentions(data[key])
        # Absent in analyses that were stored before there were any.
        parts["categories"] = _mentions(data.get("categories", ()))
        parts["touchpoints"] = tuple(TouchpointMention(**mention) for mention in data["touchpoints"])
        parts["language"] = Language(**data["language"])
        parts["review"] = _review(data["review"])
        if "masked" in data:
            parts["masked"] = tuple(Mask(**mask) for mask in data["masked"])
        return cls(**parts)


def _plain(value: Any) -> Any:
    """What `dataclasses.asdict` gives, without its deep copies: an analysis is made of frozen parts.

    Every comment passes here, so what is plain already is not called for.
    """
    kind: Any = type(value)
    if kind is tuple:
        return [_plain(each) for each in value]
    if kind is dict:
        return dict(value)
    names = _names(kind)
    if names is None:
        return value
    return {name: part if type(part := getattr(value, name)) in _ATOMS else _plain(part) for name in names}


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


def _review(data: Mapping[str, Any]) -> Review:
    # Absent in analyses that were stored before there were any.
    doubts = tuple(Doubt(**doubt) for doubt in data.get("doubts", ()))
    return Review(data["needed"], tuple(data["reasons"]), doubts)


def _mentions(data: Iterable[Mapping[str, Any]]) -> tuple[Mention, ...]:
    return tuple(Mention(**_with_evidence(mention)) for mention in data)


def _with_evidence(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "evidence": tuple(Evidence(**quote) for quote in data["evidence"])}
