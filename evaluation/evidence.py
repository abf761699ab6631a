"""Is the quoted evidence where the annotators saw it, and how tightly does it fit?

Judged for labels that are correct: for a wrong label no evidence can be right. The annotators marked whole
sentences, so a clause that is quoted exactly still covers only a part of what they marked.
"""

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.exam import Exam
from evaluation.intervals import Estimate, estimate
from evaluation.predictions import Predictions
from evaluation.scores import Floats, ratio
from models.segments import Span

# The sums that every figure is made of, one column each.
_SPANS, _HITS, _PAIRS, _IOU, _WHOLE, _BOTH, _MARKED, _QUOTED = range(8)


def agreement(exam: Exam, predictions: Predictions) -> dict[str, Estimate] | None:
    """Figures over the spans of correct labels.

    overlap: share of quoted spans that overlap a sentence annotated for that label · overlap_many: the same
    in comments of two sentences or more, where it is not a matter of course · iou: intersection over union of
    code points, mean over correct labels · iou_whole: the same, had the whole text been quoted ·
    outside: share of quoted code points outside the annotated sentences · unquoted: share of the annotated
    sentences' code points that are not quoted.
    """
    if predictions.evidence is None or exam.gold.evidence is None:
        return None
    parts = np.zeros((len(exam.comments), 8))
    for row, (comment, marked, quoted) in enumerate(
        zip(exam.comments, exam.gold.evidence, predictions.evidence, strict=True)
    ):
        for label in marked.keys() & quoted.keys():
            parts[row] += _compare(marked[label], quoted[label], len(comment.text))
    many = np.array([len(comment.sentences) > 1 for comment in exam.comments], dtype=float)[:, None]
    return {
        "overlap": _figure(exam, parts, _hits, _SPANS),
        "overlap_many": _figure(exam, parts * many, _hits, _SPANS),
        "iou": _figure(exam, parts, lambda s: ratio(s[..., _IOU], s[..., _PAIRS]), _PAIRS),
        "iou_whole": _figure(exam, parts, lambda s: ratio(s[..., _WHOLE], s[..., _PAIRS]), _PAIRS),
        "outside": _figure(exam, parts, lambda s: 1 - ratio(s[..., _BOTH], s[..., _QUOTED]), _PAIRS),
        "unquoted": _figure(exam, parts, lambda s: 1 - ratio(s[..., _BOTH], s[..., _MARKED]), _PAIRS),
    }


def _figure(exam: Exam, parts: Floats, statistic: Callable[[Floats], Floats], base: int) -> Estimate:
    return estimate(parts, statistic, exam.weights, n=int(parts[:, base].sum()))


def _hits(summed: Floats) -> Floats:
    return ratio(summed[..., _HITS], summed[..., _SPANS])


def _compare(marked: Sequence[Span], quoted: Sequence[Span], length: int) -> Floats:
    truth, said = _mask(marked, length), _mask(quoted, length)
    both, either = (truth & said).sum(), (truth | said).sum()
    hits = sum(bool(truth[span.start : span.end].any()) for span in quoted)
    shares = (both / either, truth.sum() / length)
    return np.array([len(quoted), hits, 1, *shares, both, truth.sum(), said.sum()], dtype=float)


def _mask(spans: Sequence[Span], length: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(length, dtype=bool)
    for span in spans:
        mask[span.start : span.end] = True
    return mask
