"""The figures: what was decided against what is true, with 95 % intervals over comments."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.categorized import Categorized
from evaluation.intervals import Estimate, draw, estimate
from evaluation.scores import Flags, counts, macro_f1, micro_f1, ratio
from models.pipeline import Pipeline

_BATCH = 256


def decided_by(pipeline: Pipeline, comments: Sequence[Categorized]) -> Flags:
    """Analyse comments as in production; one that was not analysed has no category. Shape (comments, categories)."""
    analyses = pipeline.pipe((comment.comment for comment in comments), batch_size=_BATCH)
    found = [{mention.id for mention in analysis.categories} for analysis in analyses]
    return np.array([[id in each for id in pipeline.layout.categories] for each in found], dtype=bool)


def figures(truth: Flags, decided: Flags, *, exclusive: bool, seed: int = 0) -> dict[str, Estimate]:
    """Accuracy where categories exclude each other, else micro- and macro-F1; both of shape (comments, categories)."""
    weights = draw(len(truth), seed=seed)
    parts = counts(truth, decided)
    present = np.asarray(truth.any(axis=0))
    found = {}
    if exclusive:
        right = np.asarray((truth & decided).any(axis=1), dtype=float)
        shares = np.stack([right, np.ones_like(right)], axis=1)
        found["accuracy"] = estimate(shares, lambda summed: ratio(summed[..., 0], summed[..., 1]), weights)
    else:
        found["micro_f1"] = estimate(parts, micro_f1, weights)
    found["macro_f1"] = estimate(parts, lambda summed: macro_f1(summed, present), weights)
    return found


def as_dict(found: dict[str, Estimate]) -> dict[str, Any]:
    """For JSON."""
    return {name: value.to_dict() for name, value in found.items()}
