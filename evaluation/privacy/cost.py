"""What masking costs: processor time beside the model's, and labels that change because words are hidden."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import models
from evaluation.comparing.speed import forgetful
from models import Analysis, Pipeline
from models.masking.masker import Masker

_ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one core a comment, the best of three rounds; of the comments with something `hidden`, how
    many have the `same` sentiment, issues and strengths as before masking.
    """

    masking_ms: float
    model_ms: float
    hidden: int
    same: int


def cost(texts: Sequence[str], masker: Masker, pipeline: Pipeline) -> Cost:
    """Masks and analyses the same texts, one at a time; nothing is remembered from one round to the next."""
    pipeline = forgetful(pipeline)
    changed = [(text, masked.text) for text in texts if (masked := masker.mask(text)).hidden]
    same = sum(_labels(_said(pipeline, old)) == _labels(_said(pipeline, new)) for old, new in changed)
    return Cost(
        _milliseconds(masker.mask, texts),
        _milliseconds(lambda text: _said(pipeline, text), texts),
        len(changed),
        same,
    )


def _said(pipeline: Pipeline, text: str) -> Analysis:
    return pipeline.analyze([models.Comment(text)])[0]


def _labels(analysis: Analysis) -> tuple[str | None, frozenset[str]]:
    mentions = (*analysis.issues, *analysis.strengths)
    sentiment = analysis.sentiment.label if analysis.sentiment else None
    return sentiment, frozenset(one.id for one in mentions)


def _milliseconds(work: Callable[[str], object], texts: Sequence[str]) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for text in texts:
            work(text)
        rounds.append(time.process_time() - start)
    return 1_000 * min(rounds) / len(texts)
