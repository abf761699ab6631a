"""From span scores to analyses, for a batch at a time: calibrate, compare with thresholds, collect the evidence.

    decisions = Decisions(taxonomy, version, calibration, thresholds)
    decisions.decide(read_comments, scores, now="2026-11-22T09:00:00.000Z")

All arithmetic is done on whole batches; what is done comment by comment is to write down what was found, and of
twenty labels a comment has one or two.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.heads import LEVELS, Calibration, Layout, Scores, expected_errors
from models.schema import (
    DOUBT,
    Analysis,
    Comment,
    Doubt,
    Evidence,
    Intent,
    Language,
    Mention,
    Review,
    Sentiment,
    Signal,
    TouchpointMention,
)
from models.scorer import Reading
from models.segments import Span
from models.taxonomy import Taxonomy

# From here on a comment that seems to be nobody's feedback is taken for it: not chosen on data, it is "rather yes".
_NO_FEEDBACK = 0.5
# A clause fainter than this share of the best one is context, not evidence. On held-out comments 0.8 lifts the
# share of quotes that lie in an annotated sentence from 0.73 to 0.86, and 0.86 of those sentences are quoted still.
_FAINT = 0.8
_SIGNALS = {"effort": ("effort_hard", "effort_easy"), "loyalty": ("loyalty_staying", "loyalty_leaving")}
_TOUCHPOINT = "touchpoint_"


@dataclass(frozen=True, slots=True)
class ReadComment:
    """A comment with all that is known of it before a model is asked."""

    comment: Comment
    reading: Reading
    language: Language


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What the numbers say of n comments, rounded, as nested lists.

    `probabilities`: (n, detected). `chances`: choice → (n, its columns). `evidence`: spans by comment and detected
    column, only where a column is a label. `loudest`: the spans of the best category where they exclude each other.
    `doubt`: (n,) wrong labels to be expected. `near`: labels near their thresholds, by comment.
    """

    probabilities: list[list[float]]
    chances: dict[str, Scores]
    evidence: Mapping[tuple[int, int], list[Span]]
    loudest: list[list[Span]]
    doubt: list[float]
    near: Mapping[int, tuple[Doubt, ...]]


class Decisions:
    """What a model's scores mean. Safe to call from several threads."""

    def __init__(
        self, taxonomy: Taxonomy, version: str, calibration: Calibration, thresholds: Mapping[str, float]
    ) -> None:
        self.taxonomy = taxonomy
        self.version = version
        self.layout = Layout(taxonomy)
        self.calibration = calibration
        limits = np.array([thresholds.get(name, 0.5) for name in self.layout.detected], dtype=np.float64)
        self._limits = limits.astype(np.float32)
        self.limits = _rounded(limits)
        self.column = {name: column for column, name in enumerate(self.layout.detected)}
        # Columns of categories are detected ones where they do not exclude each other.
        self._judged_names = self.layout.labels + (() if taxonomy.exclusive else self.layout.categories)
        self._judged = [self.column[name] for name in self._judged_names]

    def decide(
        self, comments: Sequence[ReadComment], scores: Sequence[Scores], *, now: str, all_labels: bool = False
    ) -> list[Analysis]:
        """One analysis a comment, in order, from its (spans read, layout.width) scores."""
        if not comments:
            return []
        weighed = self._weigh(comments, scores)
        writers = (_Writer(self, weighed, row, one, all_labels) for row, one in enumerate(comments))
        return [
            writer.analysis(now, truncated=len(read) < len(one.reading.spans))
            for writer, read, one in zip(writers, scores, comments, strict=True)
        ]

    def unread(self, comment: Comment, language: Language, reason: str | None, now: str) -> Analysis:
        """The analysis of a comment that no model read: for a `reason`, or because there was nothing to read."""
        return Analysis(
            id=comment.id,
            status="not_analyzed" if reason else "analyzed",
            sentiment=None,
            empathy=None,
            effort=None,
            loyalty=None,
            intent=None,
            issues=(),
            strengths=(),
            categories=(),
            touchpoints=(),
            language=language,
            no_content=not reason,
            truncated=False,
            review=Review(needed=bool(reason), reasons=(reason,) if reason else ()),
            model_version=self.version,
            taxonomy_version=self.taxonomy.version,
            analyzed_at=now,
        )

    def _weigh(self, comments: Sequence[ReadComment], scores: Sequence[Scores]) -> _Weighed:
        rows, counts = np.concatenate(scores), np.array([len(of_comment) for of_comment in scores])
        pooled = self.layout.pool(rows, counts)
        probabilities = _rounded(self.calibration.detected(self.layout, pooled))
        chances = {name: self.calibration.choice(self.layout, name, pooled) for name in self.layout.choices}
        if self.taxonomy.exclusive:
            shown = _rounded(chances["category"])
            limits = _strongest_rivals(shown)
        else:
            shown = probabilities[:, self._judged]
            limits = np.broadcast_to(self.limits[self._judged], shown.shape)
        places = _Places(comments, counts)
        return _Weighed(
            probabilities=probabilities.tolist(),
            chances=chances,
            evidence=self._evidence(rows, counts, places),
            loudest=self._loudest(rows, chances, counts, places) if self.taxonomy.exclusive else [],
            doubt=expected_errors(shown, shown >= limits).tolist(),
            near=self._near(shown, limits),
        )

    def _near(
        self, shown: NDArray[np.floating], limits: NDArray[np.floating]
    ) -> Mapping[int, tuple[Doubt, ...]]:
        names = self.layout.categories if self.taxonomy.exclusive else self._judged_names
        margins = np.abs(shown - limits)
        found: dict[int, list[tuple[float, str, Doubt]]] = defaultdict(list)
        for row, place in np.argwhere(margins < DOUBT).tolist():
            doubt = Doubt(names[place], float(shown[row, place]), float(limits[row, place]))
            found[row].append((float(margins[row, place]), names[place], doubt))
        return {row: tuple(doubt for *_, doubt in sorted(near)) for row, near in found.items()}

    def _evidence(
        self, rows: Scores, counts: NDArray[np.int_], places: "_Places"
    ) -> Mapping[tuple[int, int], list[Span]]:
        chances = self.calibration.detected(self.layout, rows)
        # The comment's probability is its best span's, so a label always has at least one span of evidence.
        tops = np.maximum.reduceat(chances, places.starts, axis=0)
        loud = chances >= _FAINT * np.repeat(tops, counts, axis=0)
        found: dict[tuple[int, int], list[Span]] = defaultdict(list)
        for column, row in zip(
            *(part.tolist() for part in np.nonzero(((chances >= self._limits) & loud).T)), strict=True
        ):
            comment, span = places.of(row)
            found[comment, column].append(span)
        return found

    def _loudest(
        self, rows: Scores, chances: Mapping[str, Scores], counts: NDArray[np.int_], places: "_Places"
    ) -> list[list[Span]]:
        best = np.repeat(chances["category"].argmax(axis=1), counts)
        of_spans = self.calibration.choice(self.layout, "category", rows)[np.arange(len(rows)), best]
        tops = np.maximum.reduceat(of_spans, places.starts)
        found: list[list[Span]] = [[] for _ in counts]
        for row in np.flatnonzero(of_spans >= _FAINT * np.repeat(tops, counts)).tolist():
            comment, span = places.of(row)
            found[comment].append(span)
        return found


class _Places:
    """Which span of which comment a row of scores is."""

    def __init__(self, comments: Sequence[ReadComment], counts: NDArray[np.int_]) -> None:
        self._comments = comments
        self.starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self._owner = np.repeat(np.arange(len(counts)), counts).tolist()
        self._starts = self.starts.tolist()

    def of(self, row: int) -> tuple[int, Span]:
        """The comment's place in the batch, and the span."""
        owner: int = self._owner[row]
        return owner, self._comments[owner].reading.spans[row - self._starts[owner]]


class _Writer:
    """Writes down what was found in one comment."""

    def __init__(
        self, decisions: Decisions, weighed: _Weighed, row: int, one: ReadComment, all_labels: bool
    ) -> None:
        self._decisions = decisions
        self._taxonomy = decisions.taxonomy
        self._column = decisions.column
        self._weighed = weighed
        self._row = row
        self._one = one
        self._all = all_labels
        self._probabilities = weighed.probabilities[row]

    def analysis(self, now: str, *, truncated: bool) -> Analysis:
        """All of it, as the contract has it."""
        issues, strengths = self._mentions("issue"), self._mentions("strength")
        categories = self._chosen() if self._taxonomy.exclusive else self._categories()
        given = [mention for mention in issues + strengths if mention.evidence]
        intent = self._intent()
        reasons = self._reasons(bool(given) or any(c.evidence for c in categories), intent, truncated)
        return Analysis(
            id=self._one.comment.id,
            status="analyzed",
            sentiment=self._sentiment(len({self._polarity(mention) for mention in given}) > 1),
            empathy=self._empathy([mention for mention in given if mention.theme == "empathy"]),
            effort=self._signal("effort"),
            loyalty=self._signal("loyalty"),
            intent=intent,
            issues=_ranked(issues),
            strengths=_ranked(strengths),
            categories=_ranked(categories),
            touchpoints=self._touchpoints(),
            language=self._one.language,
            no_content=False,
            truncated=truncated,
            review=Review(bool(reasons), tuple(reasons), self._weighed.near.get(self._row, ())),
            model_version=self._decisions.version,
            taxonomy_version=self._taxonomy.version,
            analyzed_at=now,
        )

    def _mentions(self, polarity: str) -> list[Mention]:
        return [
            self._mention(label.id, label.theme)
            for label in self._taxonomy.labels
            if label.polarity == polarity and self._shown(label.id)
        ]

    def _categories(self) -> list[Mention]:
        return [self._mention(id, id) for id in self._decisions.layout.categories if self._shown(id)]

    def _shown(self, name: str) -> bool:
        return self._all or self._given(name)

    def _given(self, name: str) -> bool:
        return (self._row, self._column[name]) in self._weighed.evidence

    def _mention(self, id: str, theme: str) -> Mention:
        column = self._column[id]
        return Mention(
            id=id,
            theme=theme,
            probability=self._probabilities[column],
            threshold=float(self._decisions.limits[column]),
            evidence=tuple(self._quotes(id)),
        )

    def _chosen(self) -> list[Mention]:
        """Categories that exclude each other: the threshold of each is the chance of its strongest rival."""
        chances = self._weighed.chances["category"][self._row]
        second, first = np.argsort(chances)[-2:].tolist()
        shown = _rounded(chances).tolist()
        return [
            Mention(
                id=id,
                theme=id,
                probability=shown[place],
                threshold=shown[second if place == first else first],
                evidence=tuple(map(self._quote, self._weighed.loudest[self._row])) if place == first else (),
            )
            for place, id in enumerate(self._decisions.layout.categories)
            if self._all or place == first
        ]

    def _quotes(self, name: str) -> Iterable[Evidence]:
        return map(self._quote, self._weighed.evidence.get((self._row, self._column[name]), ()))

    def _quote(self, span: Span) -> Evidence:
        return Evidence(start=span.start, end=span.end, text=self._one.comment.text[span.start : span.end])

    def _polarity(self, mention: Mention) -> str:
        return self._taxonomy.by_id[mention.id].polarity

    def _chances(self, choice: str) -> Scores | None:
        return self._weighed.chances[choice][self._row] if choice in self._weighed.chances else None

    def _sentiment(self, mixed: bool) -> Sentiment | None:
        levels = self._chances("sentiment")
        if levels is None:
            return None
        three = {"negative": levels[:2].sum(), "neutral": levels[2], "positive": levels[3:].sum()}
        return Sentiment(
            label=max(three, key=lambda label: three[label]),  # type: ignore[arg-type]
            score=_round(levels @ _LEVELS / 2),
            mixed=mixed,
            probabilities={label: _round(value) for label, value in three.items()},
        )

    def _empathy(self, said: list[Mention]) -> Signal | None:
        """Said of exactly where theme empathy is labelled; its sign is that theme's (codebook, section 3)."""
        levels = self._chances("empathy")
        if not said or levels is None:
            return None
        sides = {self._polarity(mention) for mention in said}
        levels = levels.copy()
        if sides == {"strength"}:
            levels[:3] = 0
        elif sides == {"issue"}:
            levels[2:] = 0
        return Signal(
            score=_round(levels @ _LEVELS / 2 / max(float(levels.sum()), 1e-9)),
            probability_expressed=_round(1 - math.prod(1 - mention.probability for mention in said)),
            evidence=_in_order(quote for mention in said for quote in mention.evidence),
        )

    def _signal(self, name: str) -> Signal | None:
        up, down = _SIGNALS[name]
        if not self._taxonomy.themes:  # a category of one's own may have the name of a signal
            return None
        if up not in self._column or not (self._given(up) or self._given(down)):
            return None
        high, low = (self._probabilities[self._column[side]] for side in (up, down))
        return Signal(
            score=_round((high - low) / max(high + low, 1e-9)),
            probability_expressed=_round(1 - (1 - high) * (1 - low)),
            evidence=_in_order(quote for side in (up, down) for quote in self._quotes(side)),
        )

    def _intent(self) -> Intent | None:
        chances = self._chances("intent")
        if chances is None:
            return None
        best = int(chances.argmax())
        return Intent(label=self._taxonomy.intents[best], probability=_round(chances[best]))

    def _touchpoints(self) -> tuple[TouchpointMention, ...]:
        found = [
            TouchpointMention(id=key, probability=self._probabilities[self._column[_TOUCHPOINT + key]])
            for key in (touchpoint.key for touchpoint in self._taxonomy.touchpoints)
            if self._shown(_TOUCHPOINT + key)
        ]
        return tuple(sorted(found, key=lambda mention: -mention.probability))

    def _reasons(self, labelled: bool, intent: Intent | None, truncated: bool) -> list[str]:
        other = intent.probability if intent is not None and intent.label == "other" else 0.0
        held = {
            "uncertain": self._weighed.doubt[self._row] >= self._decisions.calibration.doubt,
            "out_of_scope": other >= _NO_FEEDBACK and not labelled,
            "truncated": truncated,
        }
        return [reason for reason, holds in held.items() if holds]


_LEVELS = np.array(LEVELS)


def _strongest_rivals(shown: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of each column, the largest of the others in its row."""
    second, first = np.partition(shown, -2, axis=1)[:, -2:].T[:, :, None]
    return np.asarray(np.where(shown == first, second, first))


def _ranked(mentions: list[Mention]) -> tuple[Mention, ...]:
    return tuple(sorted(mentions, key=lambda mention: -mention.probability))


def _in_order(quotes: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Each place once, from left to right."""
    found = {quote.start: quote for quote in quotes}
    return tuple(found[start] for start in sorted(found))


def _rounded(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Four decimals: a probability is not known better than that."""
    return np.round(values.astype(np.float64), 4)


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)
