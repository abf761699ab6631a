"""The model of a job steps back for everybody else; what stores the rows does not."""

import os
import sys
import threading
from collections.abc import Sequence

import pytest

import models
from service.analyse import Tagger
from service.jobs.aside import NICE, Aside


def test_only_the_models_thread_is_nice(pipeline: models.Pipeline) -> None:
    if sys.platform != "linux":
        pytest.skip("priorities are those of processes here")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[tuple[int, str]] = []

    def tagger(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        found.append(
            (os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), threading.current_thread().name)
        )
        return pipeline.analyze(comments, all_labels=all_labels)

    def load() -> Tagger:
        tagger([])
        return tagger

    aside = Aside(load)
    (analysis,) = aside([models.Comment("The app crashes.", id="a")])
    assert analysis.id == "a"
    assert {nice for nice, _ in found} == {min(before + NICE, 19)}
    assert len({name for _, name in found}) == 1
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_what_the_model_raises_comes_through() -> None:
    def broken(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        raise models.ListenwellError("no", code="model_busy")

    with pytest.raises(models.ListenwellError, match="no"):
        Aside(lambda: broken)([models.Comment("a")])
    with pytest.raises(models.ArtifactError):
        Aside(lambda: models.load("no/such/folder").analyze)
