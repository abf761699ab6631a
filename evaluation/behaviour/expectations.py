"""What a behaviour test may expect of a system's answers, and when the expectation holds.

    EXPECTATIONS["mft"]["sentiment"].holds([answer], "negative")

Of one text (minimum functionality, "mft"), of texts that mean the same ("inv"), of a text and a changed one
("dir"). A change in probability of less than `TOLERANCE` is no change of an answer, to whichever side of its
threshold it falls.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluation.predictions import EFFORTS, LOYALTIES, SENTIMENTS, Predictions
from models.taxonomy import Taxonomy

TOLERANCE = 0.1
"""Of a probability, from 0 to 1."""
STEP = 0.2
"""Of a level of sentiment, from -2 to 2: a tenth of the way from neutral to the end."""
DIRECTIONS = ("up", "down", "not_up", "not_down")
UNSAID = "unsaid"


@dataclass(frozen=True)
class Answer:
    """What a system says of one text. A question that the system does not answer has its empty value.

    `chances` are the probabilities of the labels, `tones` those of the sentiments; `level` and `care` run
    from -2 to 2; `quotes` are the words quoted for each label.
    """

    labels: frozenset[str] = frozenset()
    chances: Mapping[str, float] = field(default_factory=dict)
    sentiment: str | None = None
    tones: Mapping[str, float] = field(default_factory=dict)
    level: float = np.nan
    empathy: bool = False
    care: float = np.nan
    effort: str = UNSAID
    loyalty: str = UNSAID
    intent: str | None = None
    quotes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Expectation:
    """`needs` are the fields of `Predictions` without which it cannot be judged; `fits` checks its value."""

    needs: tuple[str, ...]
    fits: Callable[[Any, Taxonomy], bool]
    holds: Callable[[Sequence[Answer], Any], bool]


def answers_of(predictions: Predictions, texts: Sequence[str], taxonomy: Taxonomy) -> list[Answer]:
    """Row i of the predictions, which speaks of text i, as an answer."""
    ids = [label.id for label in taxonomy.labels]
    return [_answer(predictions, row, text, ids, taxonomy.intents) for row, text in enumerate(texts)]


def _answer(said: Predictions, row: int, text: str, ids: Sequence[str], intents: Sequence[str]) -> Answer:
    def at(name: str, default: Any) -> Any:
        rows = getattr(said, name)
        return default if rows is None else rows[row]

    evidence = at("evidence", {})
    return Answer(
        labels=frozenset(_chosen(at("labels", ()), ids)),
        chances=dict(zip(ids, at("label_probabilities", ()), strict=False)),
        sentiment=_one(at("sentiment", ()), SENTIMENTS, None),
        tones=dict(zip(SENTIMENTS, at("sentiment_probabilities", ()), strict=False)),
        level=float(at("sentiment_level", np.nan)),
        empathy=bool(at("empathy", False)),
        care=float(at("empathy_level", np.nan)),
        effort=_one(at("effort", ()), EFFORTS, UNSAID) or UNSAID,
        loyalty=_one(at("loyalty", ()), LOYALTIES, UNSAID) or UNSAID,
        intent=_one(at("intent", ()), intents, None),
        quotes={name: tuple(text[s.start : s.end] for s in spans) for name, spans in evidence.items()},
    )


def _chosen(flags: Iterable[bool], names: Sequence[str]) -> list[str]:
    return [name for flag, name in zip(flags, names, strict=False) if flag]


def _one(flags: Iterable[bool], names: Sequence[str], default: str | None) -> str | None:
    return next(iter(_chosen(flags, names)), default)


def _labels(value: Any, taxonomy: Taxonomy) -> bool:
    return isinstance(value, list) and bool(value) and all(_label(each, taxonomy) for each in value)


def _label(value: Any, taxonomy: Taxonomy) -> bool:
    return isinstance(value, str) and value in taxonomy.by_id


def _quotable(value: Any, taxonomy: Taxonomy) -> bool:
    return (
        isinstance(value, dict)
        and _labels([*value], taxonomy)
        and all(isinstance(words, str) and words for words in value.values())
    )


def _among(allowed: Sequence[str]) -> Callable[[Any, Taxonomy], bool]:
    return lambda value, taxonomy: value in allowed


def _some_of(allowed: Sequence[str]) -> Callable[[Any, Taxonomy], bool]:
    return lambda value, taxonomy: isinstance(value, list) and bool(value) and set(value) <= set(allowed)


def _empathy(answers: Sequence[Answer], value: str) -> bool:
    answer = answers[0]
    if value in ("said", UNSAID):
        return answer.empathy == (value == "said")
    return answer.empathy and (answer.care > 0 if value == "caring" else answer.care < 0)


def _quotes(answers: Sequence[Answer], wanted: Mapping[str, str]) -> bool:
    """Each label's own words are quoted for it, and none that are another's."""
    quoted = {label: answers[0].quotes.get(label, ()) for label in wanted}
    return all(
        any(words in quote for quote in quoted[label]) == (words == own)
        for label, own in wanted.items()
        for words in wanted.values()
    )


def _same(answers: Sequence[Answer], fields: Sequence[str]) -> bool:
    """The first text's answer is that of every other text."""
    first = answers[0]
    return not any(
        ("sentiment" in fields and _turned({first.sentiment} ^ {each.sentiment}, first.tones, each.tones))
        or ("labels" in fields and _turned(first.labels ^ each.labels, first.chances, each.chances))
        for each in answers[1:]
    )


def _turned(differing: Iterable[str | None], before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether an answer that differs also moved; where a probability is not known every difference counts."""
    moves = [
        np.nan if name is None else after.get(name, np.nan) - before.get(name, np.nan) for name in differing
    ]
    return not all(abs(move) < TOLERANCE for move in moves)


def _moves(answers: Sequence[Answer], direction: str) -> bool:
    """Of every changed text the level went (or did not go) the way it should; an unknown level never does."""
    moved = np.array([each.level - answers[0].level for each in answers[1:]])
    ways = {"up": moved >= STEP, "down": moved <= -STEP, "not_up": moved <= STEP, "not_down": moved >= -STEP}
    return bool(ways[direction].all())


def _adds(answers: Sequence[Answer], labels: Sequence[str]) -> bool:
    wanted = set(labels)
    return not wanted & answers[0].labels and all(wanted <= each.labels for each in answers[1:])


def _drops(answers: Sequence[Answer], labels: Sequence[str]) -> bool:
    wanted = set(labels)
    return wanted <= answers[0].labels and not any(wanted & each.labels for each in answers[1:])


EXPECTATIONS: Mapping[str, Mapping[str, Expectation]] = {
    "mft": {
        "has": Expectation(("labels",), _labels, lambda a, v: set(v) <= a[0].labels),
        "lacks": Expectation(("labels",), _labels, lambda a, v: not set(v) & a[0].labels),
        "no_theme": Expectation(("labels",), lambda v, t: v is True, lambda a, v: not a[0].labels),
        "sentiment": Expectation(("sentiment",), _among(SENTIMENTS), lambda a, v: bool(a[0].sentiment == v)),
        "not_sentiment": Expectation(
            ("sentiment",), _among(SENTIMENTS), lambda a, v: a[0].sentiment not in (v, None)
        ),
        "empathy": Expectation(
            ("empathy", "empathy_level"), _among(("said", UNSAID, "caring", "uncaring")), _empathy
        ),
        "effort": Expectation(("effort",), _among((*EFFORTS, UNSAID)), lambda a, v: bool(a[0].effort == v)),
        "loyalty": Expectation(
            ("loyalty",), _among((*LOYALTIES, UNSAID)), lambda a, v: bool(a[0].loyalty == v)
        ),
        "intent": Expectation(("intent",), lambda v, t: v in t.intents, lambda a, v: bool(a[0].intent == v)),
        "quotes": Expectation(("evidence",), _quotable, _quotes),
    },
    "inv": {"same": Expectation((), _some_of(("sentiment", "labels")), _same)},
    "dir": {
        "sentiment": Expectation(("sentiment_level",), _among(DIRECTIONS), _moves),
        "adds": Expectation(("labels",), _labels, _adds),
        "drops": Expectation(("labels",), _labels, _drops),
    },
}
"""By kind of test, then by the word that the suite uses."""


def needs_of(kind: str, expect: Mapping[str, Any]) -> set[str]:
    """The fields of `Predictions` that a case's expectations need."""
    found = {need for word in expect for need in EXPECTATIONS[kind][word].needs}
    return found | set(expect.get("same", ()))


def passes(kind: str, answers: Sequence[Answer], expect: Mapping[str, Any]) -> bool:
    """A case passes when all its expectations hold."""
    return all(EXPECTATIONS[kind][word].holds(answers, value) for word, value in expect.items())
