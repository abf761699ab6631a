"""Rows that a job stores count towards the comments a day of the key that sent it; what is over waits for the next."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.database import read, write
from service.jobs import leases
from service.jobs.run import BATCH
from service.jobs.tables import job as job_table
from service.jobs.worker import Worker
from service.keys.tables import key_usage
from service.settings import Settings
from tests.keys import bearer, make_key
from tests.recount import assert_exact
from tests.service.jobs.conftest import jsonl

ROWS: list[dict[str, Any]] = [{"id": f"r{i}", "text": "Agent was kind."} for i in range(150)]


@pytest.fixture
def client(settings: Settings, pipeline: models.Pipeline) -> Iterator[TestClient]:
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def worker(engine: sa.Engine, settings: Settings, pipeline: models.Pipeline) -> Worker:
    return Worker(engine, settings, lambda: pipeline.analyze, threading.Event())


@pytest.fixture
def send(engine: sa.Engine, client: TestClient) -> Callable[..., tuple[str, dict[str, str]]]:
    """A job of a key that may store so many comments a day; its address and the key."""

    def make(rows: Any, a_day: int | None, headers: dict[str, str] | None = None) -> Any:
        own = headers or bearer(make_key(engine, "write", comments_per_day=a_day))
        answer = client.post("/v1/jobs?format=jsonl", content=jsonl(rows), headers=own)
        assert answer.status_code == 202, answer.text
        return answer.headers["location"], own

    return make


def used(engine: sa.Engine) -> list[int]:
    with read(engine) as conn:
        return list(conn.scalars(sa.select(key_usage.c.count).where(key_usage.c.measure == "comments")))


def next_day(engine: sa.Engine) -> None:
    """The window of the quota is over, and with it the job's waiting."""
    with write(engine) as conn:
        conn.execute(key_usage.update().values(started=key_usage.c.started - 86_400))
        conn.execute(job_table.update().values(lease_until=None))


@pytest.mark.parametrize("a_day", [BATCH + 36, 50, 7])
def test_a_job_over_the_quota_goes_on_the_next_day(
    client: TestClient, engine: sa.Engine, worker: Worker, send: Any, a_day: int
) -> None:
    url, own = send(ROWS, a_day)
    days = 0
    while (job := client.get(url, headers=own).json())["state"] != "done":
        assert worker.step()
        assert not worker.step()
        job = client.get(url, headers=own).json()
        days += 1
        assert job["position"] == min(days * a_day, 150)
        if job["state"] == "queued":
            assert job["error"]["code"] == "rate_limited"
            assert f"behind row {job['position']}" in job["error"]["detail"]
            more = {"comments": [{"id": "x", "text": "Fine."}]}
            assert client.post("/v1/comments", json=more, headers=own).status_code == 429
        next_day(engine)
    assert days == -(-150 // a_day) > leases.MAX_ATTEMPTS * (a_day == 7)
    assert (job["counts"]["created"], job["counts"]["failed"], job["error"]) == (150, 0, None)
    with read(engine) as conn:
        assert_exact(conn)


def test_only_what_is_tagged_counts(client: TestClient, engine: sa.Engine, worker: Worker, send: Any) -> None:
    url, own = send([*ROWS[:10], {"id": "bad"}, ROWS[0]], 10)
    worker.step()
    assert used(engine) == [10]
    # The quota is used up, but what is there already, and what is wrong, needs none.
    again, _ = send([{"id": "bad"}, *ROWS[:10]], 10, own)
    worker.step()
    for one, created in ((url, 10), (again, 0)):
        job = client.get(one, headers=own).json()
        assert (job["state"], job["counts"]["created"]) == ("done", created)
    assert used(engine) == [10]


def test_jobs_and_single_comments_share_one_count(
    client: TestClient, engine: sa.Engine, worker: Worker, send: Any
) -> None:
    url, own = send(ROWS[:20], 30)
    body = {"comments": [{"id": f"s{i}", "text": "Fine."} for i in range(15)]}
    assert client.post("/v1/comments", json=body, headers=own).status_code == 200
    worker.step()
    assert client.get(url, headers=own).json()["position"] == 15
    assert used(engine) == [30]


def test_others_do_not_wait(client: TestClient, engine: sa.Engine, worker: Worker, send: Any) -> None:
    slow, own = send(ROWS, 5)
    quick, other = send(ROWS[:20], None)
    worker.step()
    worker.step()
    # One tenant, one set of comments: the first five were there already.
    assert client.get(quick, headers=other).json()["counts"] | {"failed": 0} == {
        "created": 15,
        "replayed": 5,
        "replaced": 0,
        "failed": 0,
    }
    assert client.get(slow, headers=own).json()["position"] == 5
    assert client.delete(slow, headers=own).json()["state"] == "cancelled"
