"""The door of the language room: comments in, analyses out.

    pipeline = models.load()                       # the shipped model
    analysis, = pipeline.analyze([Comment("Agent was kind but nobody ever fixed my bill.")])

Before the model: clean, judge content and language, cut into clauses. The model scores the clauses. After it:
calibrate, compare with thresholds, collect the evidence. Nothing is forced to have a label.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

import numpy as np

from models import language
from models.decisions import Decisions, ReadComment
from models.errors import InputError
from models.heads import Calibration, Layout, Scores
from models.schema import Analysis, Comment, Language
from models.scorer import Reading, Scorer
from models.segments import clauses
from models.taxonomy import Taxonomy
from models.text import Content, clean, content_of

MAX_TEXT = 100_000
"""Code points of a text that is accepted at all; a novel of 100 pages has about twice that."""
MAX_QUESTION = 1_000


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
        self._decisions = Decisions(taxonomy, version, calibration, thresholds)

    def analyze(self, comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        """Analyse comments, in order.

        With `all_labels` the issues, strengths and touchpoints under their threshold are there too, without
        evidence. Texts longer than the model can read are marked `truncated`; none raises.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        analyses: list[Analysis | None] = [None] * len(comments)
        worded: dict[int, ReadComment] = {}
        for place, comment in enumerate(comments):
            reading = read(comment)
            spoken = language.detect(reading.text, comment.language)
            content = content_of(reading.text, reading.question)
            if content is Content.WORDS and spoken.supported and reading.spans:
                worded[place] = ReadComment(comment, reading, spoken)
            else:
                analyses[place] = self._decisions.unread(comment, spoken, _reason(content, spoken), now)
        scores = self.scorer.score([one.reading for one in worded.values()]) if worded else []
        decided = self._decisions.decide(list(worded.values()), scores, now=now, all_labels=all_labels)
        for place, analysis in zip(worded, decided, strict=True):
            analyses[place] = analysis
        return analyses  # type: ignore[return-value]

    def pipe(self, comments: Iterable[Comment], *, batch_size: int = 1024) -> Iterator[Analysis]:
        """Analyse a stream in batches, in order, in constant memory. Raises `InputError` for batches of less than 1."""
        if batch_size < 1:
            raise InputError(f"batch_size: must be 1 or more, not {batch_size}", code="invalid_value")
        stream = iter(comments)
        batches = iter(lambda: list(islice(stream, batch_size)), [])
        return (analysis for batch in batches for analysis in self.analyze(batch))

    def pooled(self, comments: Sequence[Comment]) -> Scores:
        """Uncalibrated comment logits, shape (comments, layout.width - 1), whatever their language.

        What calibration and evaluation fit and measure on; a text with no clause gets zeros.
        """
        readings = [read(comment) for comment in comments]
        scored = [place for place, reading in enumerate(readings) if reading.spans]
        pooled = np.zeros((len(comments), self.layout.width - 1), dtype=np.float32)
        if scored:
            scores = self.scorer.score([readings[place] for place in scored])
            pooled[scored] = self.layout.pool(np.concatenate(scores), [len(rows) for rows in scores])
        return pooled


def read(comment: Comment) -> Reading:
    """Clean a comment and cut it into clauses: all that happens to a text before a scorer sees it."""
    text = clean(comment.text)
    question = clean(comment.question or "")
    return Reading(text=text, question=question, spans=tuple(clauses(text)))


def _reason(content: Content, spoken: Language) -> str | None:
    """Why no model reads it; None where there is nothing to read."""
    if content is Content.SIGNS_ONLY:
        return "no_words"
    return "unsupported_language" if content is Content.WORDS and not spoken.supported else None
