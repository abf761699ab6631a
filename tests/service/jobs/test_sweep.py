"""What is no longer kept goes in time, also where a worker is never without work."""

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service.database import read, write
from service.jobs import repository, storage
from service.jobs.records import Job
from service.jobs.run import BATCH
from service.jobs.worker import Worker
from service.privacy.erasing import erase_customer
from service.settings import Settings

Upload = Callable[..., Job]
REJECTED: dict[str, Any] = {"id": "bad", "text": "Fine.", "scores": {"nps": 12}, "customer_id": "u1"}
ROWS: list[dict[str, Any]] = [{"id": f"r{i}", "text": f"Agent {i} was kind."} for i in range(3 * BATCH)]


def work(engine: Engine, settings: Settings, tagger: Any) -> Callable[[], bool]:
    return Worker(engine, settings, lambda: tagger, threading.Event()).step


def erase(engine: Engine) -> None:
    with write(engine) as conn:
        erase_customer(conn, "default", "u1", "test")


def state(engine: Engine, job: Job) -> str:
    with read(engine) as conn:
        return repository.by_key(conn, job.key).state


def test_a_worker_clears_up_between_two_jobs(
    engine: Engine,
    settings: Settings,
    upload: Upload,
    pipeline: models.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [upload([REJECTED]), upload(ROWS[:1]), upload(ROWS[1:2])]
    step = work(engine, settings, pipeline.analyze)
    assert step()
    kept = storage.rejects_of(storage.folder_of(settings), jobs[0].id)
    assert kept.is_file()
    erase(engine)
    assert step()
    assert kept.is_file()  # ten minutes have not gone by
    monkeypatch.setattr("service.jobs.worker.time", SimpleNamespace(monotonic=lambda: 1e12))
    assert step()
    assert not kept.exists()
    assert [state(engine, job) for job in jobs] == ["done"] * 3


def test_a_worker_clears_up_while_a_job_takes_long(
    engine: Engine,
    settings: Settings,
    upload: Upload,
    pipeline: models.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, long = upload([REJECTED]), upload(ROWS)
    kept = storage.rejects_of(storage.folder_of(settings), first.id)
    seen: list[bool] = []

    def tagger(texts: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        if len(seen) == 1:
            erase(engine)
        seen.append(kept.is_file())
        return pipeline.analyze(texts, all_labels=all_labels)

    monkeypatch.setattr("service.jobs.worker._SWEEP", 0.0)
    step = work(engine, settings, tagger)
    assert step()
    assert step()
    assert seen == [True, True, False]
    assert state(engine, long) == "done"


@pytest.mark.parametrize("fault", [OSError("full"), sa.exc.OperationalError("", None, Exception("locked"))])
def test_what_cannot_be_cleared_away_keeps_nobody_waiting(
    engine: Engine,
    settings: Settings,
    upload: Upload,
    pipeline: models.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    tried: list[int] = []

    def clear(*_: object) -> None:
        tried.append(1)
        raise fault

    monkeypatch.setattr("service.jobs.worker._RETRY_AFTER", 0.0)
    monkeypatch.setattr("service.jobs.worker.clear", clear)
    job = upload(ROWS)
    assert work(engine, settings, pipeline.analyze)()
    assert state(engine, job) == "done"
    assert len(tried) > 3  # not ten minutes later
