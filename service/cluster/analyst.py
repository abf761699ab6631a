"""What one worker of the cluster does: it loads the model once, and tags one part after the other.

Knows nothing of Ray. What goes wrong is an answer and not an exception, so that the person reads our words and
not those of three layers between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
from models.loading import Runtime
from service.cluster.parts import Parts
from service.settings import Settings

_AT_ONCE = 64
"""Comments given to the model together."""
MOST_TRIES = 5
"""Ray starts a worker that died again without end; a part that is what kills it must not go on for ever."""


@dataclass(frozen=True)
class ModelName:
    """A model as a worker on another machine can find it; `version` is what it must turn out to be."""

    name: str
    runtime: Runtime
    version: str

    @classmethod
    def of(cls, settings: Settings, version: str) -> "ModelName":
        """A folder is named from the root: a worker starts elsewhere."""
        name = settings.model or "default"
        folder = Path(name)
        return cls(str(folder.absolute()) if folder.is_dir() else name, settings.runtime, version)

    def load(self) -> models.Pipeline:
        """On one thread. Raises `ArtifactError` where it is not there, or is another one."""
        pipeline = models.load(self.name, runtime=self.runtime, threads=1)
        if pipeline.version != self.version:
            raise models.ArtifactError(
                f"a worker has model {pipeline.version}, not {self.version}: install the same on all machines"
            )
        return pipeline


class Analyst:
    """A worker. `ray.data` makes one in each actor and calls it with numbers of parts, shape (n,)."""

    def __init__(self, parts: Parts, model: ModelName, run: str) -> None:
        self.parts = parts
        self.run = run
        self.pipeline: models.Pipeline | None = None
        self.fault = ""
        try:
            self.pipeline = model.load()
        except models.ListenwellError as error:
            self.fault = error.detail

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """How many comments of each part were tagged, or what was wrong with it."""
        answers = [self._answer(int(number)) for number in batch["part"]]
        return {
            "part": [int(number) for number in batch["part"]],
            "comments": [comments for comments, _ in answers],
            "fault": [fault for _, fault in answers],
        }

    def _answer(self, number: int) -> tuple[int, str]:
        try:
            return self.tag(number), self.fault
        except models.ListenwellError as error:
            return 0, error.detail

    def tag(self, number: int) -> int:
        """Comments of the part; its analyses are there afterwards. Raises `InputError`."""
        if self.pipeline is None:
            return 0
        if self.parts.begin(number, self.run) > MOST_TRIES:
            raise models.InputError(f"its worker died {MOST_TRIES} times in a row", code="cluster_failed")
        comments = self.parts.comments(number)
        plain = [comment for _, comment in comments]
        self.parts.write_analyses(number, comments, list(self.pipeline.pipe(plain, batch_size=_AT_ONCE)))
        return len(comments)
