"""A worker's way through a job: exact counts, whatever is in the file and whoever comes in between."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service import repository as comments
from service.analyse import Desk
from service.database import read, write
from service.jobs import leases, repository, storage
from service.jobs.answers import job_json
from service.jobs.records import Job, LeaseLost
from service.jobs.run import BATCH, Run
from service.jobs.tables import job_item
from service.jobs.worker import Worker, clear
from service.settings import Settings
from service.tables import comment

ROWS: list[dict[str, Any]] = [
    {"id": f"r{i}", "text": f"Agent {i} was kind but nobody fixed my bill."} for i in range(150)
]
Upload = Callable[..., Job]


@pytest.fixture
def worker(engine: Engine, settings: Settings, pipeline: models.Pipeline) -> Worker:
    return Worker(engine, settings, lambda: pipeline.analyze, threading.Event())


def now(engine: Engine, job: Job) -> Job:
    with read(engine) as conn:
        return repository.by_key(conn, job.key)


def stored(engine: Engine) -> int:
    with read(engine) as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(comment)) or 0)


def counted(engine: Engine) -> int:
    """Comments as the daily sums have them."""
    with read(engine) as conn:
        return sum(total.value for total in comments.totals(conn, "default", "*") if total.measure == "n")


def counts(job: Job) -> tuple[int, ...]:
    return tuple(job.counts.values())


def claim(engine: Engine, job: Job, owner: str = "a", seconds: float = 60) -> Job:
    with write(engine) as conn:
        assert leases.claim(conn, "upload", owner, seconds) == job.key
    return now(engine, job)


def test_a_worker_that_dies_while_it_loads_its_model_has_not_tried_the_job(
    engine: Engine, settings: Settings, upload: Upload
) -> None:
    job = upload(ROWS)

    def die() -> Any:
        raise SystemExit

    with pytest.raises(SystemExit):
        Worker(engine, settings, die, threading.Event()).step()
    assert (now(engine, job).state, now(engine, job).attempts) == ("queued", 0)


def test_a_file_is_stored_and_then_gone(
    engine: Engine, settings: Settings, upload: Upload, worker: Worker
) -> None:
    job = upload(ROWS)
    assert worker.step()
    job = now(engine, job)
    assert (job.state, job.position, job.total, counts(job)) == ("done", 150, 150, (150, 0, 0, 0))
    assert stored(engine) == counted(engine) == 150
    assert list(storage.folder_of(settings).iterdir()) == []
    assert not worker.step()


def test_the_same_file_twice_replays_and_changes_replace(
    engine: Engine, upload: Upload, worker: Worker
) -> None:
    jobs = [upload(ROWS), upload(ROWS), upload([*ROWS[:-1], ROWS[-1] | {"text": "All is well."}])]
    for _ in jobs:
        worker.step()
    assert [counts(now(engine, job)) for job in jobs] == [(150, 0, 0, 0), (0, 150, 0, 0), (0, 149, 1, 0)]
    assert counted(engine) == 150


def test_bad_rows_are_listed_and_the_others_stored(engine: Engine, upload: Upload, worker: Worker) -> None:
    content = (
        b'{"id":"a","text":"fine"}\n{"id":"b","text":7}\n{"id":\n\n{"text":"no id"}\n{"id":"c","text":"ok"}\n'
    )
    job = upload(
        content + b'{"id":"\\u0000","text":"x"}\n{"id":"\\ud800","text":"x"}\n' + b"9" * 4_000_001 + b"\n"
    )
    worker.step()
    assert counts(now(engine, job)) == (2, 0, 0, 6)
    with read(engine) as conn:
        errors = [item.error() for item in repository.errors(conn, job.key, 10)]
        assert [(e["index"], e["id"], e["code"]) for e in errors] == [
            (1, "b", "invalid_type"),
            (2, None, "invalid_json"),
            (3, None, "missing_field"),
            (5, None, "invalid_value"),
            (6, None, "invalid_text"),
            (7, None, "line_too_long"),
        ]


def test_an_id_twice_in_a_file_is_told_across_batches(engine: Engine, upload: Upload, worker: Worker) -> None:
    job = upload([*ROWS, {"id": "r0", "text": "other"}])
    worker.step()
    assert counts(now(engine, job)) == (150, 0, 0, 1)


def test_options_complete_the_rows(engine: Engine, upload: Upload, worker: Worker) -> None:
    content = b"answer,Score\nEasy,9\nSlow,2\n"
    upload(content, "csv", columns={"text": "answer", "nps": "Score"}, touchpoint="till", ids="oct")
    worker.step()
    with read(engine) as conn:
        found = comments.get(conn, "default", "oct-2")
    assert found is not None
    assert (found.record.text, found.record.touchpoint, found.record.nps) == ("Slow", "till", 2)


def test_what_a_killed_worker_left_is_taken_up_behind_its_last_batch(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, worker: Worker
) -> None:
    job = upload(ROWS)
    killed = Run(engine, claim(engine, job, seconds=0.01), "a", dying_after(1, pipeline), settings)
    with pytest.raises(RuntimeError):
        killed.work()
    assert now(engine, job).position == BATCH
    release_by_time(engine, job)
    assert worker.step()
    assert counts(now(engine, job)) == (150, 0, 0, 0)
    assert counted(engine) == 150


def test_a_worker_that_slept_over_its_lease_writes_nothing_more(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, worker: Worker
) -> None:
    job = upload(ROWS)
    held = claim(engine, job)
    calls = 0

    def sleepy(texts: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        nonlocal calls
        calls += 1
        if calls == 2:
            # The other one claims, works, and ends the job while this one has its second batch in hand.
            release_by_time(engine, job)
            assert worker.step()
        return pipeline.analyze(texts, all_labels=all_labels)

    with pytest.raises(LeaseLost):
        # Its own heartbeat is as asleep as it is.
        Run(engine, held, "a", sleepy, settings.model_copy(update={"lease_seconds": 600})).work()
    assert (now(engine, job).state, counts(now(engine, job))) == ("done", (150, 0, 0, 0))
    assert counted(engine) == 150
    with read(engine) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(job_item)) == 150


def test_two_workers_share_the_jobs_and_not_one_job(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline
) -> None:
    jobs = [upload([row | {"id": f"{n}-{row['id']}"} for row in ROWS]) for n in range(4)]
    workers = [Worker(engine, settings, lambda: pipeline.analyze, threading.Event()) for _ in range(3)]

    def all_of_them(worker: Worker) -> None:
        while worker.step():
            pass

    threads = [threading.Thread(target=all_of_them, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [counts(now(engine, job)) for job in jobs] == [(150, 0, 0, 0)] * 4
    assert counted(engine) == 600


def test_a_cancelled_job_stops_between_batches(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline
) -> None:
    job = upload(ROWS)
    held = claim(engine, job)

    def cancelling(texts: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        if texts[0].id == f"r{BATCH}":
            with write(engine) as conn:
                assert leases.cancel(conn, "default", job.id)
        return pipeline.analyze(texts, all_labels=all_labels)

    with pytest.raises(LeaseLost):
        Run(engine, held, "a", cancelling, settings).work()
    assert (now(engine, job).state, now(engine, job).position, stored(engine)) == ("cancelled", BATCH, BATCH)


def test_a_worker_that_is_asked_to_stop_gives_the_job_back(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, worker: Worker
) -> None:
    job = upload(ROWS)
    stop = threading.Event()
    run = Run(
        engine, claim(engine, job), "a", pipeline.analyze, settings, stop=stop, on_batch=lambda _: stop.set()
    )
    assert run.work() == "queued"
    assert (now(engine, job).position, now(engine, job).attempts) == (BATCH, 0)
    assert worker.step()
    assert counts(now(engine, job)) == (150, 0, 0, 0)


def test_a_missing_model_is_told_and_tried_again(engine: Engine, settings: Settings, upload: Upload) -> None:
    job = upload(ROWS)

    def missing() -> Any:
        return models.load("/no/such/folder")

    broken = Worker(engine, settings, missing, threading.Event())
    for attempt in range(1, leases.MAX_ATTEMPTS + 1):
        assert broken.step()
        found = now(engine, job)
        assert (found.state, found.error_code, found.attempts) == ("queued", "invalid_artifact", attempt)
        assert not broken.step()  # not at once
        release_by_time(engine, job)
    assert not broken.step()
    found = now(engine, job)
    assert (found.state, found.error_code) == ("failed", "invalid_artifact")
    assert "/no/such" not in str(found.error_detail)


def test_a_fault_of_ours_costs_a_try_and_not_the_worker(
    engine: Engine, settings: Settings, upload: Upload, worker: Worker
) -> None:
    job = upload(ROWS)

    def faulty(texts: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        raise ZeroDivisionError("of our own")

    broken = Worker(engine, settings, lambda: faulty, threading.Event())
    assert broken.step()
    found = now(engine, job)
    assert (found.state, found.error_code, found.attempts) == ("queued", "internal_error", 1)
    assert "of our own" not in str(found.error_detail)
    release_by_time(engine, job)
    assert worker.step()
    assert now(engine, job).state == "done"


def test_a_job_that_kills_its_workers_is_given_up(
    engine: Engine, settings: Settings, upload: Upload, worker: Worker
) -> None:
    job = upload(ROWS)
    for _ in range(leases.MAX_ATTEMPTS):
        claim(engine, job)
        release_by_time(engine, job)
    assert not worker.step()
    assert (now(engine, job).state, now(engine, job).error_code) == ("failed", "gave_up")


def test_a_comment_that_is_erased_leaves_the_results(engine: Engine, upload: Upload, worker: Worker) -> None:
    job = upload(ROWS[:3])
    worker.step()
    with write(engine) as conn:
        comments.delete(conn, "default", "r1")
    with read(engine) as conn:
        results = repository.results(conn, job.key, 10)
        ids = conn.scalars(sa.select(job_item.c.comment_id)).all()
    assert [(one["index"], one["id"], one["outcome"]) for one in results] == [
        (0, "r0", "created"),
        (2, "r2", "created"),
    ]
    assert set(ids) == {None}


def test_old_jobs_are_removed_with_their_items(
    engine: Engine, settings: Settings, upload: Upload, worker: Worker
) -> None:
    job, waiting = upload(ROWS), upload(ROWS[:1])
    worker.step()
    with write(engine) as conn:
        conn.exec_driver_sql("UPDATE job SET finished_at = '2020-01-01 00:00:00' WHERE state = 'done'")
    clear(engine, settings)
    with read(engine) as conn:
        assert repository.get(conn, "default", job.id) is None
        assert conn.scalar(sa.select(sa.func.count()).select_from(job_item)) == 0
        assert repository.get(conn, "default", waiting.id) is not None
    assert stored(engine) == 150


def test_a_job_gives_the_same_as_the_desk(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, worker: Worker
) -> None:
    upload(ROWS[:5])
    worker.step()
    again = Desk(engine, pipeline.analyze, settings).record(ROWS[:5])
    assert {one["outcome"] for one in again.results} == {"replayed"}


def release_by_time(engine: Engine, job: Job) -> None:
    """As if the lease had run out."""
    with write(engine) as conn:
        conn.exec_driver_sql(f"UPDATE job SET lease_until = '2020-01-01 00:00:00' WHERE key = {job.key}")


def dying_after(batches: int, pipeline: models.Pipeline) -> Any:
    calls = 0

    def tagger(texts: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        nonlocal calls
        calls += 1
        if calls > batches:
            raise RuntimeError("killed")
        return pipeline.analyze(texts, all_labels=all_labels)

    return tagger


def test_what_is_left_is_never_less_than_nothing(upload: Upload) -> None:
    job = replace(upload(ROWS), state="running", lapsed=False, rate=2.0, position=9, total=3)
    assert job_json(job, 7)["eta_seconds"] == 0
