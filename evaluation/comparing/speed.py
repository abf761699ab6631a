"""How long two models take for the same comments: in turns, so that whatever else the machine does meets both.

speed(a, b, comments, seed=0)  →  a, b: comments a second; ratio: the time of b over that of a, with its interval
"""

from collections.abc import Sequence
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import numpy as np

from evaluation.intervals import draw, estimate
from evaluation.scores import Floats, ratio
from models.cache import uncached
from models.pipeline import Pipeline
from models.schema import Comment

BATCH = 32
ROUNDS = 40
"""Batches that each of the two reads; a short file is read more than once."""


def speed(a: Pipeline, b: Pipeline, comments: Sequence[Comment], *, seed: int) -> dict[str, Any]:
    """Time both. Nothing is remembered from one batch to the next."""
    a, b = forgetful(a), forgetful(b)
    batches = [list(islice(cycle(comments), at, at + BATCH)) for at in _starts(len(comments))]
    for pipeline in (a, b):
        pipeline.analyze(batches[0])  # the first call pays for what is loaded lazily
    seconds = np.array([_both(a, b, batch, turned=at % 2 == 1) for at, batch in enumerate(batches)])
    return {
        "comments": BATCH * ROUNDS,
        "a": round(BATCH * ROUNDS / seconds[:, 0].sum(), 1),
        "b": round(BATCH * ROUNDS / seconds[:, 1].sum(), 1),
        "ratio": ratio_of(seconds, seed=seed),
    }


def ratio_of(seconds: Floats, *, seed: int) -> dict[str, Any]:
    """Time of the second over time of the first, from seconds of shape (rounds, 2); drawn over rounds."""
    weights = draw(len(seconds), seed=seed)
    return estimate(seconds, lambda summed: ratio(summed[..., 1], summed[..., 0]), weights).to_dict()


def _starts(comments: int) -> list[int]:
    return [at * BATCH % comments for at in range(ROUNDS)]


def _both(a: Pipeline, b: Pipeline, batch: Sequence[Comment], *, turned: bool) -> list[float]:
    """Seconds of both; who goes first changes."""
    if turned:
        return _both(b, a, batch, turned=False)[::-1]
    found = []
    for pipeline in (a, b):
        started = perf_counter()
        pipeline.analyze(batch)
        found.append(perf_counter() - started)
    return found


def forgetful(pipeline: Pipeline) -> Pipeline:
    """The same, but that it reads each text anew."""
    return Pipeline(
        uncached(pipeline.scorer),
        pipeline.taxonomy,
        version=pipeline.version,
        calibration=pipeline.calibration,
        thresholds=pipeline.thresholds,
    )
