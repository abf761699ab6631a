"""What is erased while a job still has it to read does not come back, whoever is first by a hair."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service import repository as comments
from service.database import read, write
from service.jobs import leases, repository
from service.jobs.records import Job
from service.jobs.run import BATCH, Run
from service.jobs.worker import Worker, clear
from service.privacy.erasing import erase_comment, erase_customer
from service.privacy.tables import tombstone
from service.settings import Settings
from tests.recount import assert_exact

ROWS: list[dict[str, Any]] = [
    {"id": f"r{i}", "text": "Agent was kind.", "customer_id": f"u{i % 10}"} for i in range(100)
]
Upload = Callable[..., Job]


@pytest.fixture
def worker(engine: Engine, settings: Settings, pipeline: models.Pipeline) -> Worker:
    return Worker(engine, settings, lambda: pipeline.analyze, threading.Event())


def now(engine: Engine, job: Job) -> Job:
    with read(engine) as conn:
        return repository.by_key(conn, job.key)


def stored(engine: Engine) -> set[str]:
    with read(engine) as conn:
        assert_exact(conn)
        return set(comments.digests(conn, "default", [row["id"] for row in ROWS]))


def tombstones(engine: Engine) -> int:
    with read(engine) as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(tombstone)) or 0)


def test_neither_a_comment_nor_a_customer_comes_back(engine: Engine, upload: Upload, worker: Worker) -> None:
    job = upload(ROWS)
    with write(engine) as conn:
        assert not erase_comment(conn, "default", "r1", "test")
        assert erase_customer(conn, "default", "u7", "test") == 0
        erase_comment(conn, "other", "r2", "test")  # another tenant's
    assert worker.step()
    left = stored(engine)
    assert left == {row["id"] for row in ROWS if row["id"] != "r1" and row["customer_id"] != "u7"}
    assert now(engine, job).counts == {"created": 89, "replayed": 0, "replaced": 0, "failed": 11}
    with read(engine) as conn:
        listed = repository.errors(conn, job.key, 100)
    assert {(item.code, item.comment_id) for item in listed} == {("erased", None)}
    # Nobody has anything left to read, so nothing is remembered; and nothing is given back to be sent again.
    assert tombstones(engine) == 0
    assert now(engine, job).rejects_until is None


def test_a_file_that_is_sent_afterwards_may_bring_it(engine: Engine, upload: Upload, worker: Worker) -> None:
    first = upload(ROWS[:3])
    with write(engine) as conn:
        erase_comment(conn, "default", "r1", "test")
    upload(ROWS[:3])
    assert worker.step()
    assert stored(engine) == {"r0", "r2"}
    assert worker.step()
    assert stored(engine) == {"r0", "r1", "r2"}
    assert now(engine, first).failed == 1


def test_between_two_batches(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline
) -> None:
    job = upload(ROWS)
    with write(engine) as conn:
        assert leases.claim(conn, "upload", "a", 60) == job.key

    def erase(_: int) -> None:
        with write(engine) as conn:
            erase_customer(conn, "default", "u3", "test")

    Run(engine, now(engine, job), "a", pipeline.analyze, settings, on_batch=erase).work()
    assert stored(engine) == {row["id"] for row in ROWS if row["customer_id"] != "u3"}
    behind = sum(row["customer_id"] == "u3" for row in ROWS[BATCH:])
    assert now(engine, job).failed == behind


def test_without_a_job_nothing_is_remembered(engine: Engine, upload: Upload, worker: Worker) -> None:
    upload(ROWS[:3])
    worker.step()
    with write(engine) as conn:
        assert erase_comment(conn, "default", "r1", "test")
    assert tombstones(engine) == 0


def test_what_is_remembered_is_forgotten_with_the_job(
    engine: Engine, settings: Settings, upload: Upload
) -> None:
    job = upload(ROWS)
    with write(engine) as conn:
        erase_comment(conn, "default", "r1", "test")
    clear(engine, settings)
    assert tombstones(engine) == 1
    with write(engine) as conn:
        leases.cancel(conn, "default", job.id)
    clear(engine, settings)
    assert tombstones(engine) == 0


def until_there_was_work(worker: Worker) -> None:
    """A worker takes no job that somebody else has locked just then: it comes again."""
    while not worker.step():
        pass


@pytest.mark.slow
def test_erasing_all_the_while(engine: Engine, upload: Upload, worker: Worker) -> None:
    """Each customer is erased at some moment of the job; in the end none of theirs is there."""
    rows = [row | {"id": f"x{place}-{row['id']}"} for place in range(20) for row in ROWS]
    job = upload(rows)
    running = threading.Thread(target=until_there_was_work, args=(worker,))
    running.start()
    gone = []
    for number in range(8):
        with write(engine) as conn:
            erase_customer(conn, "default", f"u{number}", "test")
        gone.append(f"u{number}")
        running.join(timeout=0.15)
    running.join()
    found = now(engine, job)
    assert (found.state, found.position) == ("done", len(rows))
    with read(engine) as conn:
        assert_exact(conn)
        left = comments.digests(conn, "default", [row["id"] for row in rows])
    assert set(left) == {row["id"] for row in rows if row["customer_id"] not in gone}
