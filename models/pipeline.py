"""The door of the language room: comments in, analyses out.

    pipeline = models.load()                       # the shipped model
    analysis, = pipeline.analyze([Comment("Agent was kind but nobody ever fixed my bill.")])

Before the model: clean, judge content and language, cut into clauses. The model scores the clauses. After it:
calibrate, compare with thresholds, collect the evidence. Nothing is forced to have a label.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

import numpy as np

from models import language
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
from models.scorer import Reading, Scorer
from models.segments import Span, clauses
from models.taxonomy import Taxonomy
from models.text import Content, clean, content_of

MAX_TEXT = 100_000
"""Code points of a text that is accepted at all; a novel of 100 pages has about twice that."""
MAX_QUESTION = 1_000
# From here on a comment that seems to be nobody's feedback is taken for it: not chosen on data, it is "rather yes".
_NO_FEEDBACK = 0.5
# A clause fainter than this share of the best one is context, not evidence. On held-out comments 0.8 lifts the
# share of quotes that lie in an annotated sentence from 0.73 to 0.86, and 0.86 of those sentences are quoted still.
_FAINT = 0.8


class Pipeline:
    """A scorer with all that stands before and after it. Safe to call from several threads."""

    def __init__(
        self,
        scorer: Scorer,
        taxonomy: Taxonomy,
        *,
        version: str,
        calibration: Calibration,
        thresholds: Mapping[str, float],
    ) -> None:
        self.scorer = scorer
        self.taxonomy = taxonomy
        self.version = version
        self.layout = Layout(taxonomy)
        self.calibration = calibration
        self.thresholds = dict(thresholds)

    def analyze(self, comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        """Analyse comments, in order.

        With `all_labels` the issues, strengths and touchpoints under their threshold are there too, without
        evidence. Texts longer than the model can read are marked `truncated`; none raises.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        readings = [read(comment) for comment in comments]
        languages = [
            language.detect(reading.text, comment.language)
            for comment, reading in zip(comments, readings, strict=True)
        ]
        contents = [content_of(reading.text, reading.question) for reading in readings]
        scored = [
            place
            for place, reading in enumerate(readings)
            if contents[place] is Content.WORDS and languages[place].supported and reading.spans
        ]
        scores = dict(zip(scored, self.scorer.score([readings[place] for place in scored]), strict=True))
        return [
            _Decision(self, comment, reading, lang, now, all_labels).analysis(scores.get(place), content)
            for place, (comment, reading, lang, content) in enumerate(
                zip(comments, readings, languages, contents, strict=True)
            )
        ]

    def pipe(self, comments: Iterable[Comment], *, batch_size: int = 256) -> Iterator[Analysis]:
        """Analyse a stream in batches, in order, in constant memory."""
        stream = iter(comments)
        while batch := list(islice(stream, batch_size)):
            yield from self.analyze(batch)

    def pooled(self, comments: Sequence[Comment]) -> Scores:
        """Uncalibrated comment logits, shape (comments, layout.width - 1), whatever their language.

        What calibration and evaluation fit and measure on; a text with no clause gets zeros.
        """
        readings = [read(comment) for comment in comments]
        scored = [place for place, reading in enumerate(readings) if reading.spans]
        pooled = np.zeros((len(comments), self.layout.width - 1), dtype=np.float32)
        for place, scores in zip(scored, self.scorer.score([readings[i] for i in scored]), strict=True):
            pooled[place] = self.layout.pool(scores)
        return pooled


def read(comment: Comment) -> Reading:
    """Clean a comment and cut it into clauses: all that happens to a text before a scorer sees it."""
    text = clean(comment.text)
    question = clean(comment.question or "")
    return Reading(text=text, question=question, spans=tuple(clauses(text)))


class _Decision:
    """All that leads from one comment's scores to its analysis."""

    def __init__(
        self,
        pipeline: Pipeline,
        comment: Comment,
        reading: Reading,
        lang: Language,
        now: str,
        all_labels: bool,
    ) -> None:
        self.pipeline = pipeline
        self.comment = comment
        self.spans = reading.spans
        self.language = lang
        self.now = now
        self.all_labels = all_labels

    def analysis(self, scores: Scores | None, content: Content) -> Analysis:
        if scores is None:
            return self._unread(content)
        pipeline, layout = self.pipeline, self.pipeline.layout
        pooled = layout.pool(scores)
        self.span_probabilities = pipeline.calibration.detected(layout, scores)
        self.probabilities = pipeline.calibration.detected(layout, pooled)
        mentions = [self._mention(label.id, label.theme) for label in pipeline.taxonomy.labels]
        issues = [
            m
            for m, label in zip(mentions, pipeline.taxonomy.labels, strict=True)
            if label.polarity == "issue"
        ]
        strengths = mentions[len(issues) :]
        categories = self._categories(scores, pooled)
        truncated = len(scores) < len(self.spans)
        intent = self._intent(pooled)
        return self._wrap(
            status="analyzed",
            sentiment=self._sentiment(
                pooled, mixed=any(map(_labelled, issues)) and any(map(_labelled, strengths))
            ),
            empathy=self._empathy(pooled, mentions),
            effort=self._signal("effort_hard", "effort_easy"),
            loyalty=self._signal("loyalty_staying", "loyalty_leaving"),
            intent=intent,
            issues=self._shown(issues),
            strengths=self._shown(strengths),
            categories=self._shown(categories),
            touchpoints=self._touchpoints(),
            no_content=False,
            truncated=truncated,
            reasons=self._reasons(mentions + categories, intent, truncated),
            doubts=_doubts(mentions + categories),
        )

    def _unread(self, content: Content) -> Analysis:
        reasons: list[str] = []
        if content is Content.SIGNS_ONLY:
            reasons.append("no_words")
        elif content is Content.WORDS and not self.language.supported:
            reasons.append("unsupported_language")
        return self._wrap(
            status="not_analyzed" if reasons else "analyzed",
            sentiment=None,
            empathy=None,
            effort=None,
            loyalty=None,
            intent=None,
            issues=(),
            strengths=(),
            categories=(),
            touchpoints=(),
            no_content=not reasons,
            truncated=False,
            reasons=reasons,
        )

    def _wrap(self, *, reasons: list[str], doubts: tuple[Doubt, ...] = (), **parts: object) -> Analysis:
        return Analysis(
            id=self.comment.id,
            language=self.language,
            review=Review(needed=bool(reasons), reasons=tuple(reasons), doubts=doubts),
            model_version=self.pipeline.version,
            taxonomy_version=self.pipeline.taxonomy.version,
            analyzed_at=self.now,
            **parts,  # type: ignore[arg-type]
        )

    def _mention(self, id: str, theme: str) -> Mention:
        column = self.pipeline.layout.index(id)
        return Mention(
            id=id,
            theme=theme,
            probability=_round(self.probabilities[column]),
            threshold=_round(self._threshold(id)),
            evidence=self._evidence(column, id),
        )

    def _categories(self, scores: Scores, pooled: Scores) -> list[Mention]:
        pipeline, layout = self.pipeline, self.pipeline.layout
        if not pipeline.taxonomy.exclusive:
            return [self._mention(id, id) for id in layout.categories]
        chances = pipeline.calibration.choice(layout, "category", pooled)
        of_spans = pipeline.calibration.choice(layout, "category", scores)
        second, first = np.argsort(chances)[-2:]
        return [
            Mention(
                id=id,
                theme=id,
                probability=_round(chances[place]),
                threshold=_round(chances[second if place == first else first]),
                evidence=self._loudest(of_spans[:, place]) if place == first else (),
            )
            for place, id in enumerate(layout.categories)
        ]

    def _loudest(self, chances: Scores) -> tuple[Evidence, ...]:
        return tuple(
            self._quote(self.spans[row]) for row in np.flatnonzero(chances >= _FAINT * chances.max())
        )

    def _shown(self, mentions: list[Mention]) -> tuple[Mention, ...]:
        ranked = sorted(mentions, key=lambda m: -m.probability)
        return tuple(m for m in ranked if self.all_labels or m.evidence)

    def _threshold(self, column: str) -> float:
        return self.pipeline.thresholds.get(column, 0.5)

    def _evidence(self, column: int, name: str) -> tuple[Evidence, ...]:
        # The comment's probability is its best span's, so a label always has at least one span of evidence.
        chances = self.span_probabilities[:, column]
        reached = (chances >= self._threshold(name)) & (chances >= _FAINT * chances.max())
        return tuple(self._quote(self.spans[row]) for row in np.flatnonzero(reached))

    def _quote(self, span: Span) -> Evidence:
        return Evidence(start=span.start, end=span.end, text=self.comment.text[span.start : span.end])

    def _sentiment(self, pooled: Scores, *, mixed: bool) -> Sentiment | None:
        if "sentiment" not in self.pipeline.layout.choices:
            return None
        levels = self.pipeline.calibration.choice(self.pipeline.layout, "sentiment", pooled)
        three = {"negative": levels[:2].sum(), "neutral": levels[2], "positive": levels[3:].sum()}
        return Sentiment(
            label=max(three, key=lambda label: three[label]),  # type: ignore[arg-type]
            score=_round(levels @ np.array(LEVELS) / 2),
            mixed=mixed,
            probabilities={label: _round(value) for label, value in three.items()},
        )

    def _empathy(self, pooled: Scores, mentions: list[Mention]) -> Signal | None:
        """Said of exactly where theme empathy is labelled; its sign is that theme's (codebook, section 3)."""
        said = [m for m in mentions if m.theme == "empathy" and _labelled(m)]
        if not said:
            return None
        levels = self.pipeline.calibration.choice(self.pipeline.layout, "empathy", pooled).copy()
        sides = {self.pipeline.taxonomy.by_id[m.id].polarity for m in said}
        if sides == {"strength"}:
            levels[:3] = 0
        elif sides == {"issue"}:
            levels[2:] = 0
        evidence = {e.start: e for m in said for e in m.evidence}
        return Signal(
            score=_round(levels @ np.array(LEVELS) / 2 / max(float(levels.sum()), 1e-9)),
            probability_expressed=_round(1 - math.prod(1 - m.probability for m in said)),
            evidence=tuple(evidence[start] for start in sorted(evidence)),
        )

    def _signal(self, up: str, down: str) -> Signal | None:
        if up not in self.pipeline.layout.detected:
            return None
        columns = [self.pipeline.layout.index(name) for name in (up, down)]
        high, low = (float(self.probabilities[column]) for column in columns)
        if high < self._threshold(up) and low < self._threshold(down):
            return None
        found = {e.start: e for c, n in zip(columns, (up, down), strict=True) for e in self._evidence(c, n)}
        return Signal(
            score=_round((high - low) / max(high + low, 1e-9)),
            probability_expressed=_round(1 - (1 - high) * (1 - low)),
            evidence=tuple(found[start] for start in sorted(found)),
        )

    def _intent(self, pooled: Scores) -> Intent | None:
        if "intent" not in self.pipeline.layout.choices:
            return None
        chances = self.pipeline.calibration.choice(self.pipeline.layout, "intent", pooled)
        best = int(chances.argmax())
        return Intent(label=self.pipeline.taxonomy.intents[best], probability=_round(chances[best]))

    def _touchpoints(self) -> tuple[TouchpointMention, ...]:
        found = []
        for touchpoint in self.pipeline.taxonomy.touchpoints:
            name = f"touchpoint_{touchpoint.key}"
            chance = float(self.probabilities[self.pipeline.layout.index(name)])
            if self.all_labels or chance >= self._threshold(name):
                found.append(TouchpointMention(id=touchpoint.key, probability=_round(chance)))
        return tuple(sorted(found, key=lambda t: -t.probability))

    def _reasons(self, mentions: list[Mention], intent: Intent | None, truncated: bool) -> list[str]:
        chances, thresholds = (
            np.array([getattr(m, name) for m in mentions], dtype=np.float32)
            for name in ("probability", "threshold")
        )
        doubt = float(expected_errors(chances, chances >= thresholds))
        other = intent.probability if intent is not None and intent.label == "other" else 0.0
        held = {
            "uncertain": doubt >= self.pipeline.calibration.doubt,
            "out_of_scope": other >= _NO_FEEDBACK and not any(map(_labelled, mentions)),
            "truncated": truncated,
        }
        return [reason for reason, holds in held.items() if holds]


def _doubts(mentions: Sequence[Mention]) -> tuple[Doubt, ...]:
    near = [(abs(m.probability - m.threshold), m) for m in mentions]
    found = sorted((margin, m.id, m) for margin, m in near if margin < DOUBT)
    return tuple(Doubt(m.id, m.probability, m.threshold) for _, _, m in found)


def _labelled(mention: Mention) -> bool:
    return bool(mention.evidence)


def _round(value: float | np.floating) -> float:
    """Four decimals: a probability is not known better than that."""
    return round(float(value), 4)
