"""Ourselves: text to finished Analysis through `Pipeline.pipe`, and the bare encoder under it, which is the roof.

The bare encoder gets the batches that the scorer itself would make of all comments of the round at once: cut into
windows, sorted by length, padded; what it is timed on is `Runtime.forward` and nothing else.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import models
from models.cache import uncached
from models.encoder import Runtime
from models.pipeline import read
from models.schema import Analysis
from models.scorer import Scorer

Batches = list[tuple[Any, ...]]


@dataclass
class WholePipeline:
    """`models.load(model, runtime=...)`, fed through `pipe`."""

    runtime: str
    model: str = "default"

    def __post_init__(self) -> None:
        self._pipeline = _load(self.model, self.runtime)

    def prepare(self, texts: list[str]) -> list[models.Comment]:
        """Texts as comments, without their survey questions: the rivals get none either."""
        return [models.Comment(text) for text in texts]

    def run(self, prepared: list[models.Comment]) -> list[Analysis]:
        """Finished analyses, in order."""
        return list(self._pipeline.pipe(prepared))

    def work(self, prepared: list[models.Comment], answers: list[Analysis]) -> float:
        """Comments, each of which must have been analysed."""
        if [answer.status for answer in answers] != ["analyzed"] * len(prepared):
            raise ValueError("a comment was not analysed")
        return len(answers)

    def labels(self, answers: list[Analysis]) -> list[list[str]]:
        """Issues and strengths by their ids."""
        return [sorted(m.id for m in (*answer.issues, *answer.strengths)) for answer in answers]


@dataclass
class BareEncoder:
    """The forward pass on batches made beforehand: no cleaning, tokenizing, heads' calibration or evidence."""

    runtime: str
    model: str = "default"

    def __post_init__(self) -> None:
        scorer = uncached(_load(self.model, self.runtime).scorer)
        self._name, self._runtime = runtime_of(scorer)
        self._scorer = copy.copy(scorer)

    def prepare(self, texts: list[str]) -> tuple[int, Batches]:
        """The number of comments, and the batches that the scorer hands to its runtime for them."""
        recorder = Recorder(self._runtime)
        setattr(self._scorer, self._name, recorder)
        self._scorer.score([read(models.Comment(text)) for text in texts])
        return len(texts), recorder.batches

    def run(self, prepared: tuple[int, Batches]) -> list[Any]:
        """Logits, batch after batch."""
        return [self._runtime.forward(*batch) for batch in prepared[1]]

    def work(self, prepared: tuple[int, Batches], answers: list[Any]) -> float:
        """Comments."""
        return prepared[0]

    def labels(self, answers: list[Any]) -> list[list[str]]:
        """Logits are no labels yet."""
        return []


class Recorder:
    """A runtime that keeps what it is given, and passes it on."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.batches: Batches = []

    def forward(self, *batch: Any) -> Any:
        """See `Runtime.forward`."""
        self.batches.append(batch)
        return self._runtime.forward(*batch)


def runtime_of(scorer: Scorer) -> tuple[str, Runtime]:
    """The attribute of a scorer that holds its runtime, and the runtime. Raises `ValueError` if there is none."""
    for name, value in vars(scorer).items():
        if callable(getattr(value, "forward", None)):
            return name, value
    raise ValueError("the scorer has no runtime: the weightless model?")


def _load(model: str, runtime: str) -> models.Pipeline:
    pipeline = models.load(model, runtime=runtime, threads=1)  # type: ignore[arg-type]
    warm: Sequence[models.Comment] = [models.Comment("Ready to read.")]
    pipeline.analyze(warm)
    return pipeline
