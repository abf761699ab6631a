"""A tagger that is watched: a span and a sample of the model's latency for each call (`Watched`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import models
from service import instruments, tracing
from service.analyse import Tagger


class Watched:
    """A `Tagger` around another one."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """See `Tagger`."""
        with watched(len(comments)) as span:
            analyses = self._tagger(comments, all_labels=all_labels)
            span.set_attribute("listenwell.model_version", analyses[0].model_version)
            return analyses


@contextmanager
def watched(comments: int) -> Iterator[Any]:
    """The span of a call for so many comments, which is also a sample of the latency."""
    with tracing.span("analyze", {"listenwell.comments": comments}) as span, instruments.model_pass(comments):
        yield span
