"""What Prometheus is told: true figures of the store, and a bounded number of series whoever asks for what."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.clock import database_time
from service.database import write
from service.events import deliver, outbox, webhook_repository
from service.events.signing import new_secret
from service.events.tables import event, webhook
from service.jobs import leases
from service.jobs.tables import job
from service.settings import Settings
from tests.keys import bearer, make_key
from tests.receiver import receiving

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
COMMENT = {"id": "c1", "text": "Agent was kind but nobody ever fixed my bill."}


def series(client: TestClient, **headers: str) -> Series:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith("listenwell")
    }


def value(found: Series, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_a_thousand_paths_ids_and_tenants_add_no_series(tmp_path: Path, pipeline: models.Pipeline) -> None:
    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    with TestClient(create_app(settings, pipeline.analyze)) as client:
        engine = client.app.state.parts.engine  # type: ignore[attr-defined]
        admin, prometheus = (bearer(make_key(engine, scope)) for scope in ("admin", "metrics"))
        walk(client, engine, admin, "first", 6)
        series(client, **prometheus)
        before = set(series(client, **prometheus))
        walk(client, engine, admin, "then", 1_000)
        after = set(series(client, **prometheus))
    assert after == before
    assert not any("then" in part for _, labels in after for pair in labels for part in pair)


def walk(client: TestClient, engine: Engine, admin: dict[str, str], word: str, times: int) -> None:
    """Ask for what is not there, each time under a new name, and now and then store as a new tenant."""
    for i in range(times):
        name = f"{word}-{i}"
        paths = (
            name,
            f"v1/comments/{name}",
            f"v1/touchpoints/{name}/metrics",
            f"v1/jobs/{name}?{name}={name}",
        )
        if i % 6 < 4:
            client.get(f"/{paths[i % 6]}", headers=admin | {"user-agent": name})
        elif i % 6 == 4:
            client.request(f"X{word}{i}", "/v1/limits", headers=admin)
        else:
            body = {"comments": [COMMENT | {"id": name, "touchpoint": name, "customer_id": name}]}
            tenant = bearer(make_key(engine, "admin", tenant=name))
            assert client.post("/v1/comments", json=body, headers=tenant).status_code == 200


def test_jobs_are_counted_by_kind_and_state(client: TestClient, engine_of: Engine) -> None:
    assert value(series(client), "listenwell_jobs", kind="upload", state="queued") == 0
    for i in range(3):
        rows = b'{"id":"j%d","text":"The app crashes."}\n' % i
        assert client.post("/v1/jobs?format=jsonl", content=rows).status_code == 202
    with write(engine_of) as conn:
        leases.claim(conn, "upload", "somebody", 60)
        conn.execute(sa.update(job).values(created_at=database_time(conn) - timedelta(minutes=2)))
    found = series(client)
    assert value(found, "listenwell_jobs", kind="upload", state="queued") == 2
    assert value(found, "listenwell_jobs", kind="upload", state="running") == 1
    assert value(found, "listenwell_jobs", kind="rescore", state="failed") == 0
    assert value(found, "listenwell_jobs_oldest_queued_seconds") == pytest.approx(120, abs=20)


def test_events_and_webhooks(client: TestClient, engine_of: Engine) -> None:
    with receiving() as receiver:
        receiver.status = 500
        with write(engine_of) as conn:
            webhook_repository.add(conn, "default", receiver.url, outbox.TYPES, new_secret(), False)
            other = webhook_repository.add(conn, "default", receiver.url, outbox.TYPES, new_secret(), False)
        client.post("/v1/comments", json={"comments": [COMMENT, COMMENT | {"id": "c2"}]})
        with write(engine_of) as conn:
            conn.execute(sa.update(event).values(created_at=database_time(conn) - timedelta(minutes=5)))
            webhook_repository.disable(conn, other, "a test")
        deliver.deliver_due(engine_of, allow_private=True)
    found = series(client)
    # What waits for a disabled webhook waits for a person.
    assert value(found, "listenwell_events_waiting") == 2
    assert value(found, "listenwell_events_retried") == 1
    assert value(found, "listenwell_events_oldest_seconds") == pytest.approx(300, abs=20)
    states = {
        state: value(found, "listenwell_webhooks", state=state)
        for state in ("working", "failing", "disabled")
    }
    assert states == {"working": 0, "failing": 1, "disabled": 1}
    with write(engine_of) as conn:
        conn.execute(sa.update(webhook).values(failing_since=None, active=True))
    assert value(series(client), "listenwell_webhooks", state="working") == 2


def test_what_was_given_up_is_told(client: TestClient, engine_of: Engine) -> None:
    with receiving() as receiver:
        receiver.status = 500
        with write(engine_of) as conn:
            webhook_repository.add(conn, "default", receiver.url, outbox.TYPES, new_secret(), False)
        client.post("/v1/comments", json={"comments": [COMMENT]})
        with write(engine_of) as conn:
            late = database_time(conn) - deliver.GIVE_UP - timedelta(hours=1)
            conn.execute(sa.update(event).values(created_at=late))
        deliver.deliver_due(engine_of, allow_private=True)
    found = series(client)
    assert value(found, "listenwell_events_given_up") == 1
    assert value(found, "listenwell_events_waiting") == value(found, "listenwell_events_oldest_seconds") == 0


def test_the_models_latency_is_measured(client: TestClient) -> None:
    client.post("/v1/analyze", json={"comments": [COMMENT] * 3})
    before = series(client)
    client.post("/v1/analyze", json={"comments": [COMMENT] * 3})
    after = series(client)
    grown: Callable[[str], Any] = lambda name: value(after, name) - value(before, name)  # noqa: E731
    assert grown("listenwell_model_seconds_count") == grown("listenwell_model_comments_count") == 1
    assert grown("listenwell_model_comments_sum") == 3
    assert 0 < grown("listenwell_model_seconds_sum") < 5
