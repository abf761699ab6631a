"""Worker processes that are killed, frozen and doubled: the counts stay exact."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from sqlalchemy import Engine

import models
from service import repository as comments
from service.database import read
from service.jobs import repository
from service.jobs.records import Job
from service.settings import Settings
from tests.service.jobs.conftest import jsonl

pytestmark = pytest.mark.slow
ROOT = Path(models.__file__).parents[1]
MANY = 3_000
"""Rows of a file: so many batches that a kill after the first one is before the last on any machine."""
ROWS: list[dict[str, Any]] = [{"id": f"r{i}", "text": "Agent was kind. " * 3} for i in range(MANY)]


@contextmanager
def command(settings: Settings, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "LISTENWELL_MODEL": "weightless",
        "LISTENWELL_DATABASE_URL": settings.database_url,
        "LISTENWELL_FILES": str(settings.files),
        "LISTENWELL_LEASE_SECONDS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "models.command", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, "not within three minutes"
        time.sleep(0.02)


def now(engine: Engine, job: Job) -> Job:
    with read(engine) as conn:
        return repository.by_key(conn, job.key)


def counted(engine: Engine) -> int:
    with read(engine) as conn:
        return sum(total.value for total in comments.totals(conn, "default", "*") if total.measure == "n")


def lock_and_fall_silent(frozen: PGconn, job: Job) -> None:
    """A pipeline that is not ended: the server waits for more, as it does in the middle of a long statement."""
    frozen.enter_pipeline_mode()
    for statement in ("BEGIN", f"UPDATE job SET position = position WHERE key = {job.key}"):
        frozen.send_query_params(statement.encode(), [])
        frozen.send_flush_request()
        result = frozen.get_result()
        assert result is not None
        assert result.status == ExecStatus.COMMAND_OK
        assert frozen.get_result() is None


def test_a_killed_worker_and_the_one_that_ends_its_job(
    engine: Engine, settings: Settings, upload: Callable[..., Job]
) -> None:
    job = upload(ROWS)
    with command(settings, "worker") as first:
        until(lambda: now(engine, job).position > 0)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert 0 < now(engine, job).position < MANY
    with command(settings, "worker") as second:
        until(lambda: now(engine, job).state == "done")
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=20) == 0
    assert now(engine, job).counts == {"created": MANY, "replayed": 0, "replaced": 0, "failed": 0}
    assert counted(engine) == MANY


def test_a_frozen_worker_that_wakes_up_writes_nothing(
    engine: Engine, settings: Settings, upload: Callable[..., Job]
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("a process that is frozen in its transaction keeps the one lock that SQLite has")
    job = upload(ROWS)
    with command(settings, "worker") as frozen:
        until(lambda: now(engine, job).position > 0)
        frozen.send_signal(signal.SIGSTOP)
        with command(settings, "worker") as other:
            until(lambda: now(engine, job).state == "done")
            frozen.send_signal(signal.SIGCONT)
            time.sleep(1)
            for process in (other, frozen):
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=20) == 0
    assert now(engine, job).counts == {"created": MANY, "replayed": 0, "replaced": 0, "failed": 0}
    assert counted(engine) == MANY


def test_what_froze_while_it_spoke_to_the_database_keeps_no_job(
    engine: Engine, settings: Settings, upload: Callable[..., Job]
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite is no server that could wait for the rest of a statement")
    job = upload(ROWS[:10])
    with psycopg.connect(settings.database_url.replace("+psycopg", "")) as connection:
        lock_and_fall_silent(connection.pgconn, job)
        with command(settings, "worker"):
            until(lambda: now(engine, job).state == "done")


def test_a_killed_backfill_goes_on_at_once(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(jsonl(ROWS))
    with command(settings, "backfill", str(file)) as first:
        until(lambda: counted(engine) > 0)
        first.send_signal(signal.SIGKILL)
        first.wait()
    stored = counted(engine)
    assert 0 < stored < MANY
    with command(settings, "backfill", str(file)) as second:
        out, _ = second.communicate(timeout=60)
    assert b"3,000 created, 0 replayed, 0 replaced, 0 failed" in out
    assert counted(engine) == MANY


def test_sigterm_gives_the_job_back_behind_a_whole_batch(
    engine: Engine, settings: Settings, upload: Callable[..., Job]
) -> None:
    job = upload(ROWS)
    with command(settings, "worker") as process:
        until(lambda: now(engine, job).position > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    found = now(engine, job)
    assert (found.state, found.owner) == ("queued", None)
    assert 0 < found.position == counted(engine) < MANY
