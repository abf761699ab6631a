"""A tagger that is watched: a span and a sample of the model's latency for each call (`Watched`)."""

from collections.abc import Sequence

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
        with (
            tracing.span("analyze", {"listenwell.comments": len(comments)}) as span,
            instruments.model_pass(len(comments)),
        ):
            analyses = self._tagger(comments, all_labels=all_labels)
            span.set_attribute("listenwell.model_version", analyses[0].model_version)
            return analyses
