"""What goes wrong around a job: its file changes, the disk is full, clocks disagree, the database is away."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from service import clock
from service import repository as comments
from service.app import create_app
from service.commands.backfill import backfill
from service.database import open_engine, read, write
from service.jobs import leases, repository, storage
from service.jobs.records import Job
from service.jobs.run import ALONE, BATCH
from service.jobs.worker import Worker
from service.settings import Settings
from tests.databases import Databases, PostgresServer
from tests.recount import assert_exact
from tests.service.jobs.conftest import at_most, jsonl

ROWS: list[dict[str, Any]] = [{"id": f"r{i}", "text": "Agent was kind."} for i in range(300)]
AWAY_SECONDS = float(os.environ.get("LISTENWELL_TEST_AWAY_SECONDS", "2"))
Upload = Callable[..., Job]


def now(engine: Engine, job: Job) -> Job:
    with read(engine) as conn:
        return repository.by_key(conn, job.key)


def stored(engine: Engine) -> int:
    with read(engine) as conn:
        assert_exact(conn)
        return len(comments.digests(conn, "default", [row["id"] for row in ROWS]))


def meddling(pipeline: models.Pipeline, meddle: Callable[[], None], *, batch: int = 2) -> Any:
    """A tagger during whose so-manieth batch something happens."""
    batches, analyze = 0, pipeline.analyze

    def tag(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        nonlocal batches
        batches += 1
        if batches == batch:
            meddle()
        return analyze(comments, all_labels=all_labels)

    return tag


def step(engine: Engine, settings: Settings, tagger: Any) -> bool:
    return Worker(engine, settings, lambda: tagger, threading.Event()).step()


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"id": "late", "text": "Fine."}\n')


def rewrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("change", [append, rewrite, cut, Path.unlink])
def test_an_uploaded_file_that_changes_while_it_is_read(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, change: Any
) -> None:
    job = upload(ROWS)
    path = storage.folder_of(settings) / job.source
    assert step(engine, settings, meddling(pipeline, lambda: change(path)))
    found = now(engine, job)
    assert (found.state, found.error_code) == ("failed", "file_changed")
    # The batch at hand was read before the change; of what came after nothing is stored.
    assert found.position == found.created == stored(engine) == 2 * BATCH


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (append, "file_changed"),
        (rewrite, "file_changed"),
        (cut, "file_changed"),
        (Path.unlink, "unreadable_file"),
    ],
)
def test_an_uploaded_file_that_changed_before_it_is_read(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, change: Any, code: str
) -> None:
    job = upload(ROWS)
    path = storage.folder_of(settings) / job.source
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    change(path)
    if path.exists():
        os.utime(path, ns=times)
    assert step(engine, settings, pipeline.analyze)
    found = now(engine, job)
    assert (found.state, found.error_code, found.position, stored(engine)) == ("failed", code, 0, 0)


def test_the_file_of_a_backfill_that_is_cut_at_the_end_of_a_batch(
    engine: Engine,
    settings: Settings,
    tmp_path: Path,
    pipeline: models.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It then ends as if that were its end."""
    file = tmp_path / "in.jsonl"
    # Longer than what is read at once, and each line as long as the others.
    rows = [{"id": f"r{i:05}", "text": "Agent was kind. " * 60} for i in range(3 * ALONE)]
    file.write_bytes(jsonl(rows))
    line = file.stat().st_size // len(rows)
    # The first call is the one comment a pipeline reads to get warm.
    changed = meddling(pipeline, lambda: os.truncate(file, line * 2 * ALONE), batch=3)
    monkeypatch.setattr(models.Pipeline, "analyze", lambda self, given, **_: changed(given))
    environment = {"LISTENWELL_MODEL": "weightless", "LISTENWELL_DATABASE_URL": settings.database_url}
    done = CliRunner().invoke(backfill, [str(file)], env=environment)
    assert isinstance(done.exception, models.InputError)
    assert done.exception.code == "file_changed"
    with read(engine) as conn:
        assert_exact(conn)
        assert len(comments.digests(conn, "default", [str(row["id"]) for row in rows])) == 2 * ALONE


def test_a_disk_that_is_full_in_the_middle_of_an_upload(
    settings: Settings, pipeline: models.Pipeline
) -> None:
    large = b'{"id": "a", "text": "Fine."}\n' * 200_000
    headers = {"content-type": "application/x-ndjson"}
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        with at_most(len(large) - 1):
            answer = client.post("/v1/jobs", content=large, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert answer.headers["content-type"] == "application/problem+json"
        assert list(storage.folder_of(settings).iterdir()) == []
        assert client.get("/v1/jobs").json()["jobs"] == []
        assert client.post("/v1/jobs", content=large, headers=headers).status_code == 202


def test_no_room_to_unpack_is_tried_again(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out, packed = pa.BufferOutputStream(), pa.BufferOutputStream()
    table = pa.table(
        {"id": [f"r{i}" for i in range(300)], "text": [os.urandom(5_000).hex() for _ in range(300)]}
    )
    pq.write_table(table, out, compression="NONE", use_dictionary=False)
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(out.getvalue())
    job = upload(bytes(packed.getvalue()), "parquet.zst")
    with at_most(2_500_000):
        assert step(engine, settings, pipeline.analyze)
    found = now(engine, job)
    assert (found.state, found.error_code, stored(engine)) == ("queued", "storage_full", 0)
    assert [file.name for file in storage.folder_of(settings).iterdir()] == [job.source]
    with write(engine) as conn:
        leases.release(conn, job.key)
    assert step(engine, settings, pipeline.analyze)
    assert (now(engine, job).created, stored(engine)) == (300, 300)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_worker_whose_clock_is_wrong_steals_nothing(
    engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline, hours: int
) -> None:
    """Its own clock is asked for nothing that decides: leases run by the database's."""
    if engine.dialect.name == "sqlite":
        pytest.skip("a SQLite file is used on one machine, which has one clock")
    job = upload(ROWS)
    with write(engine) as conn:
        assert leases.claim(conn, "upload", "right", 60) == job.key

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=hours)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", Wrong)
        patch.setattr(time, "time", lambda real=time.time: real() + hours * 3_600)
        assert not step(engine, settings, pipeline.analyze)
        with write(engine) as conn:
            leases.hold(conn, job.key, "right", 60)
            leases.release(conn, job.key)
        # And what it claims itself it does not hold for an hour, nor lose at once.
        assert step(engine, settings, meddling(pipeline, lambda: _assert_held(engine, job)))
    assert (now(engine, job).state, stored(engine)) == ("done", 300)


def _assert_held(engine: Engine, job: Job) -> None:
    with read(engine) as conn:
        there = repository.by_key(conn, job.key)
        assert there.lease_until is not None
        assert timedelta() < there.lease_until - clock.database_time(conn) <= timedelta(seconds=2)
    assert not there.lapsed


@pytest.mark.slow
def test_the_database_goes_away_in_the_middle_of_a_job(
    databases_of: Callable[..., Databases],
    postgres_server: PostgresServer,
    pipeline: models.Pipeline,
    tmp_path: Path,
) -> None:
    """For LISTENWELL_TEST_AWAY_SECONDS; the worker needs no restart, and nothing is lost or counted twice."""
    with databases_of("postgresql", postgres_server).new() as url:
        settings = Settings(model="weightless", database_url=url, files=tmp_path, lease_seconds=2)
        engine, stop = open_engine(url), threading.Event()
        headers = {"content-type": "application/x-ndjson"}
        with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
            sent = client.post("/v1/jobs", content=jsonl(ROWS), headers=headers).json()["id"]
            away = threading.Event()

            def leave() -> None:
                postgres_server.stop(immediately=True)
                away.set()

            worker = Worker(engine, settings, lambda: meddling(pipeline, leave), stop)
            running = threading.Thread(target=worker.run)
            running.start()
            try:
                assert away.wait(60)
                refused = client.post("/v1/jobs", content=jsonl(ROWS), headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
                time.sleep(AWAY_SECONDS)
            finally:
                postgres_server.start()
            deadline = time.monotonic() + 60
            while client.get(f"/v1/jobs/{sent}").json()["state"] != "done":
                assert time.monotonic() < deadline
                time.sleep(0.1)
            stop.set()
            running.join()
            job = client.get(f"/v1/jobs/{sent}").json()
        assert job["counts"] == {"created": 300, "replayed": 0, "replaced": 0, "failed": 0}
        assert stored(engine) == 300
        # The file that was refused is not left behind either.
        assert list(tmp_path.iterdir()) == []
        engine.dispose()
