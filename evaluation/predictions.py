"""One shape for what any system says of a list of comments, and for what the annotators said.

All that follows compares two `Predictions`, whether a model, a baseline or a person made them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.gold import LabelledComment, label_matrix, touchpoint_matrix
from evaluation.scores import Flags, Floats
from models.pipeline import Pipeline
from models.schema import Analysis, Signal
from models.segments import Span
from models.taxonomy import Taxonomy

SENTIMENTS = ("negative", "neutral", "positive")
EFFORTS = ("easy", "hard")  # -1, 1
LOYALTIES = ("leaving", "staying")  # -1, 1
_BATCH = 64

Evidence = Mapping[str, tuple[Span, ...]]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Row i speaks of comment i; None where a system does not answer the question at all.

    `labels` (n, labels) in taxonomy order · `sentiment` (n, 3), `effort` (n, 2), `loyalty` (n, 2), `intent`
    (n, intents): at most one true in a row · `touchpoints` (n, touchpoints) · `empathy` (n,): expressed or
    not · levels (n,) from -2 to 2, NaN where not said · `evidence`: for each comment, label → spans · `review`
    (n,): a person should look.
    """

    labels: Flags | None = None
    label_probabilities: Floats | None = None
    sentiment: Flags | None = None
    sentiment_probabilities: Floats | None = None
    sentiment_level: Floats | None = None
    mixed: Flags | None = None
    empathy: Flags | None = None
    empathy_level: Floats | None = None
    effort: Flags | None = None
    loyalty: Flags | None = None
    intent: Flags | None = None
    touchpoints: Flags | None = None
    evidence: NDArray[np.object_] | None = None
    review: Flags | None = None

    def part(self, chosen: Flags) -> "Predictions":
        """The rows that are chosen."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return Predictions(**{name: None if rows is None else rows[chosen] for name, rows in held.items()})


def from_labelled(comments: Sequence[LabelledComment], taxonomy: Taxonomy) -> Predictions:
    """What a system would say that agrees with the annotators in everything."""
    labels = [comment.labels for comment in comments]
    levels = _levels([each.empathy for each in labels])
    return Predictions(
        labels=label_matrix(comments, taxonomy),
        sentiment=one_hot([int(np.sign(each.sentiment)) for each in labels], (-1, 0, 1)),
        sentiment_level=_levels([each.sentiment for each in labels]),
        mixed=np.array([each.mixed for each in labels], dtype=bool),
        empathy=~np.isnan(levels),
        empathy_level=levels,
        effort=one_hot([each.effort for each in labels], (-1, 1)),
        loyalty=one_hot([each.loyalty for each in labels], (-1, 1)),
        intent=one_hot([each.intent for each in labels], taxonomy.intents),
        touchpoints=touchpoint_matrix(comments, taxonomy),
        evidence=_objects([{m.id: m.evidence for m in each.mentions} for each in labels]),
    )


def from_pipeline(
    pipeline: Pipeline,
    comments: Sequence[LabelledComment],
    done: Callable[[int], None] = lambda count: None,
) -> Predictions:
    """Analyse comments as in production, their language judged too; `done` hears of each batch.

    A comment that was not analysed has no label, sentiment or intent and so counts as wrong. One without
    content is neutral and its intent is "other": so the codebook labels such comments.
    """
    analyses: list[Analysis] = []
    for start in range(0, len(comments), _BATCH):
        batch = [comment.comment for comment in comments[start : start + _BATCH]]
        analyses.extend(pipeline.analyze(batch, all_labels=True))
        done(len(batch))
    return from_analyses(analyses, pipeline.taxonomy, pipeline.thresholds)


def from_analyses(
    analyses: Sequence[Analysis], taxonomy: Taxonomy, thresholds: Mapping[str, float]
) -> Predictions:
    """Bring analyses made with `all_labels` into shape; `thresholds` are the pipeline's, for touchpoints."""
    evidence = [_evidence(analysis) for analysis in analyses]
    decided = [[label.id in found for label in taxonomy.labels] for found in evidence]
    tones = [_tone(analysis) for analysis in analyses]
    return Predictions(
        labels=np.array(decided, dtype=bool),
        label_probabilities=np.array([_probabilities(analysis, taxonomy) for analysis in analyses]),
        sentiment=one_hot([label for label, _, _ in tones], SENTIMENTS),
        sentiment_probabilities=np.array([chances for _, _, chances in tones]),
        sentiment_level=np.array([level for _, level, _ in tones]),
        mixed=np.array([bool(a.sentiment and a.sentiment.mixed) for a in analyses]),
        empathy=np.array([a.empathy is not None for a in analyses]),
        empathy_level=np.array([np.nan if a.empathy is None else 2 * a.empathy.score for a in analyses]),
        effort=one_hot([_side(a.effort) for a in analyses], (-1, 1)),
        loyalty=one_hot([_side(a.loyalty) for a in analyses], (-1, 1)),
        intent=one_hot([_intent(a) for a in analyses], taxonomy.intents),
        touchpoints=np.array([_touchpoints(a, taxonomy, thresholds) for a in analyses], dtype=bool),
        evidence=_objects(evidence),
        review=np.array([a.review.needed for a in analyses]),
    )


def one_hot(values: Sequence[Any], classes: Sequence[Any]) -> Flags:
    """One true in each row, shape (values, classes); none where the value is not a class."""
    return np.array([[value == each for each in classes] for value in values], dtype=bool)


def _levels(values: Sequence[int | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _objects(rows: Sequence[Evidence]) -> NDArray[np.object_]:
    held = np.empty(len(rows), dtype=object)
    held[:] = rows
    return held


def _evidence(analysis: Analysis) -> Evidence:
    mentions = (*analysis.issues, *analysis.strengths)
    return {m.id: tuple(Span(e.start, e.end) for e in m.evidence) for m in mentions if m.evidence}


def _probabilities(analysis: Analysis, taxonomy: Taxonomy) -> list[float]:
    known = {m.id: m.probability for m in (*analysis.issues, *analysis.strengths)}
    return [known.get(label.id, 0.0) for label in taxonomy.labels]


def _tone(analysis: Analysis) -> tuple[str | None, float, list[float]]:
    """Sentiment class, level from -2 to 2, and the probabilities of the three classes."""
    if analysis.sentiment is not None:
        chances = [analysis.sentiment.probabilities[name] for name in SENTIMENTS]
        return analysis.sentiment.label, 2 * analysis.sentiment.score, chances
    if analysis.no_content:
        return "neutral", 0.0, [0.0, 1.0, 0.0]
    return None, np.nan, [np.nan] * 3


def _intent(analysis: Analysis) -> str | None:
    if analysis.intent is not None:
        return analysis.intent.label
    return "other" if analysis.no_content else None


def _side(signal: Signal | None) -> int:
    return 0 if signal is None else int(np.sign(signal.score))


def _touchpoints(analysis: Analysis, taxonomy: Taxonomy, thresholds: Mapping[str, float]) -> list[bool]:
    chances = {t.id: t.probability for t in analysis.touchpoints}
    return [
        chances.get(t.key, -1.0) >= thresholds.get(f"touchpoint_{t.key}", 0.5) for t in taxonomy.touchpoints
    ]
