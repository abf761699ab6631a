"""Checks from outside: public benchmarks that nothing here was trained on, on other text than feedback.

    results = run_benchmarks(pipeline, Path("../shared/data/public"))

SST-2 (sentences of film reviews, positive or negative; Socher et al. 2013): accuracy, the likelier of the two sides.
TweetEval sentiment (tweets of three classes; Rosenthal et al. 2017, Barbieri et al. 2020): recall, the mean of the
classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.gold import json_lines
from evaluation.intervals import Estimate, draw, estimate
from evaluation.predictions import SENTIMENTS
from evaluation.scores import Flags, Floats, ratio
from models.errors import InputError
from models.pipeline import Pipeline
from models.schema import Comment

_BATCH = 512


@dataclass(frozen=True)
class Benchmark:
    """`classes` are those that its test tells apart; `key` is the field of its labels."""

    name: str
    title: str
    measure: str
    file: str
    key: str
    classes: tuple[str, ...]


BENCHMARKS = (
    Benchmark("sst2", "SST-2 test", "accuracy", "sst2/test.jsonl.gz", "positive", ("negative", "positive")),
    Benchmark(
        "tweeteval_sentiment",
        "TweetEval sentiment test",
        "macro recall",
        "tweeteval_sentiment/test.jsonl.gz",
        "sentiment",
        SENTIMENTS,
    ),
)


@dataclass(frozen=True)
class Checked:
    """A benchmark with the figure that was reached."""

    benchmark: Benchmark
    figure: Estimate


def run_benchmarks(pipeline: Pipeline, folder: Path, *, seed: int = 0) -> list[Checked]:
    """Every benchmark whose file lies in `folder`. Raises `InputError` for a file that is not as it should be, or if
    there is none (code "no_benchmarks")."""
    found = []
    for benchmark in BENCHMARKS:
        file = folder / benchmark.file
        if file.exists():
            texts, truth = _read(file, benchmark)
            columns = [SENTIMENTS.index(each) for each in benchmark.classes]
            decided = sentiment_probabilities(pipeline, texts)[:, columns].argmax(axis=1)
            found.append(Checked(benchmark, _figure(benchmark, truth, decided, seed)))
    if not found:
        expected = " nor ".join(benchmark.file for benchmark in BENCHMARKS)
        raise InputError(f"--benchmarks: {folder.name} has neither {expected}", code="no_benchmarks")
    return found


def sentiment_probabilities(pipeline: Pipeline, texts: Sequence[str]) -> Floats:
    """Probabilities of negative, neutral and positive, shape (texts, 3), whatever the language."""
    found = np.zeros((len(texts), len(SENTIMENTS)))
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        pooled = pipeline.pooled([Comment(text=texts[place]) for place in places])
        levels = pipeline.calibration.choice(pipeline.layout, "sentiment", pooled)
        found[places] = np.stack([levels[:, :2].sum(axis=1), levels[:, 2], levels[:, 3:].sum(axis=1)], axis=1)
    return found


def _figure(benchmark: Benchmark, truth: np.ndarray[Any, Any], decided: Flags, seed: int) -> Estimate:
    weights = draw(len(truth), seed=seed)
    classes = np.arange(len(benchmark.classes)) if benchmark.measure == "macro recall" else np.array([-1])
    of_class = (truth[:, None] == classes) | (classes < 0)
    parts = np.stack([of_class & (truth == decided)[:, None], of_class], axis=1).astype(float)
    return estimate(parts, lambda s: ratio(s[..., 0, :], s[..., 1, :]).mean(axis=-1), weights)


def _read(file: Path, benchmark: Benchmark) -> tuple[list[str], np.ndarray[Any, Any]]:
    texts, truth = [], []
    for number, text, label in _pairs(file, benchmark.key):
        if label not in benchmark.classes:
            raise InputError(f"{file.name}, line {number}: label {label!r} is unknown", code="invalid_labels")
        texts.append(text)
        truth.append(benchmark.classes.index(label))
    return texts, np.array(truth)


def _pairs(file: Path, key: str) -> Iterator[tuple[int, str, str]]:
    for number, entry in json_lines(file):
        try:
            label = entry["labels"][key]
            text = str(entry["text"])
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{file.name}, line {number}: not a labelled text", code="invalid_labels"
            ) from error
        # SST-2 says 1 for positive.
        yield number, text, {0: "negative", 1: "positive"}.get(label, label)
