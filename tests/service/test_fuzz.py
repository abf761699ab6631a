"""A short run of `tests/fuzz.py`, and one that shows that it sees what is wrong."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import models
from service.settings import Settings
from tests import fuzz


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        model="weightless", database_url=database_url, files=tmp_path / "files", log_level="error"
    )


@pytest.mark.slow
def test_every_answer_is_a_documented_one(settings: Settings, pipeline: models.Pipeline) -> None:
    with fuzz.opened(settings, pipeline.analyze) as run:
        for part in fuzz.PARTS:
            run.run(part, 60, turn=3)
    assert not run.shown
    assert len({label for label, _ in run.statuses}) == sum(1 for _ in run.schema.get_all_operations())
    assert {200, 202, 204, 401, 403, 404, 422} <= {status for _, status in run.statuses}


def test_what_goes_wrong_is_seen(tmp_path: Path, pipeline: models.Pipeline) -> None:
    url = f"sqlite:///{tmp_path}/fuzz.db"
    settings = Settings(model="weightless", database_url=url, files=tmp_path / "files", log_level="error")

    def broken(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        # What a job of this run asks for it shall have.
        return pipeline.analyze(comments) if comments[0].id else 1 // 0  # type: ignore[return-value]

    with fuzz.opened(settings, broken) as run:
        run.run("without keys", 1, turn=3)
    assert any("POST /v1/analyze: 500" in kind for kind in run.failures), run.failures
