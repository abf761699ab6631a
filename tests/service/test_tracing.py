"""Traces of real requests, jobs and deliveries: whole, below the client's, and without anything that people wrote."""

import gzip
import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models.errors import InputError
from service import logs, tracing
from service.analyse import Desk
from service.app import create_app
from service.database import write
from service.events import deliver, outbox, webhook_repository
from service.events.signing import new_secret
from service.jobs.run import BATCH
from service.jobs.worker import Worker
from service.settings import Settings
from service.watched import Watched
from tests.keys import bearer, make_key
from tests.receiver import receiving
from tests.service.jobs.conftest import settings, upload  # noqa: F401
from tests.service.test_serve import serving, wait_until_done

# An id that a span may have is marked "known", what it must not have "secret".
COMMENT = {
    "id": "secret-id",
    "text": "Agent secretly was kind but nobody ever fixed my secret bill.",
    "question": "What is your secret wish?",
    "customer_id": "secret-customer",
    "metadata": {"secret": "secret"},
    "touchpoint": "secret.place",
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-Id": "known-1"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with tracing.on(SimpleSpanProcessor(exporter)):
        yield exporter


def by_name(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def told(exporter: InMemorySpanExporter) -> str:
    return "".join(span.to_json() for span in exporter.get_finished_spans()).lower()


def test_a_request_is_one_trace_below_the_clients(client: TestClient, spans: InMemorySpanExporter) -> None:
    assert client.post("/v1/comments", json={"comments": [COMMENT]}, headers=PARENT).status_code == 200
    found = by_name(spans)
    (request,) = found["POST /v1/comments"]
    (analyze,) = found["analyze"]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert {f"{span.context.trace_id:032x}" for span in spans.get_finished_spans() if span.context} == {TRACE}
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/comments",
        "http.response.status_code": 200,
        "listenwell.request_id": "known-1",
    }
    version = models.load("weightless").version
    assert attributes(analyze) == {"listenwell.comments": 1, "listenwell.model_version": version}
    database = client.app.state.parts.engine.dialect.name  # type: ignore[attr-defined]
    assert [attributes(span) for span in found["database.write"]] == [{"db.system.name": database}]
    for span in (analyze, *found["database.write"], *found["database.read"]):
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id  # type: ignore[union-attr]


@pytest.mark.parametrize("given", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-1-01"}])
def test_without_a_sound_parent_it_is_a_trace_of_its_own(
    client: TestClient, spans: InMemorySpanExporter, given: dict[str, str]
) -> None:
    client.get("/v1/taxonomy", headers=given)
    (request,) = by_name(spans)["GET /v1/taxonomy"]
    assert request.parent is None


def test_a_client_may_say_that_it_does_not_want_one(client: TestClient, spans: InMemorySpanExporter) -> None:
    client.post(
        "/v1/comments",
        json={"comments": [COMMENT]},
        headers={"traceparent": PARENT["traceparent"][:-1] + "0"},
    )
    assert not spans.get_finished_spans()


def test_nothing_that_people_wrote_is_in_a_trace(client: TestClient, spans: InMemorySpanExporter) -> None:
    key = make_key(client.app.state.parts.engine, "admin", tenant="secret-tenant")  # type: ignore[attr-defined]
    who = bearer(key)
    body = {"comments": [COMMENT, {"id": "secret-2", "text": "secret\0", "secret-field": 1}, {"secret": 1}]}
    client.post("/v1/comments?secret=1", json=body, headers=who)
    client.post("/v1/analyze", json=body, headers=who | {"Idempotency-Key": "secret-key"})
    client.post("/v1/analyze", content=b"{secret", headers=who)
    for path in (
        "/v1/comments/secret-id",
        "/v1/comments/secret-none",
        "/v1/comments?q=secret",
        "/secret?secret",
    ):
        client.get(path, headers=who)
    client.get("/v1/touchpoints/secret.place/metrics", headers=who)
    client.get("/v1/comments", headers={"authorization": "Bearer secret"})
    client.get("/v1/comments", headers={"cookie": "secret=secret"})
    client.request("SECRET", "/v1/comments", headers=who)
    client.delete("/v1/comments?customer_id=secret-customer", headers=who)
    assert len(by_name(spans)) > 8
    assert not re.findall(r".{40}secret.{40}", told(spans))
    assert key.split("_", 2)[2].lower() not in told(spans)


def test_what_breaks_leaves_its_name_and_no_message(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    def broken(comments: Any, *, all_labels: bool = False) -> list[models.Analysis]:
        raise RuntimeError(f"cannot read {comments[0].text}")

    chosen = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    with TestClient(create_app(chosen, broken), raise_server_exceptions=False) as client:
        assert client.post("/v1/analyze", json={"comments": [{"text": "a secret"}]}).status_code == 500
    found = by_name(spans)
    for name in ("analyze", "POST /v1/analyze"):
        (span,) = found[name]
        assert attributes(span)["error.type"] == "RuntimeError"
        assert not span.status.is_ok
        assert not span.events
    assert "secret" not in told(spans)


def test_a_job_is_traced_batch_by_batch(
    engine: Engine,
    settings: Settings,  # noqa: F811
    upload: Callable[..., Any],  # noqa: F811
    pipeline: models.Pipeline,
    spans: InMemorySpanExporter,
) -> None:
    job = upload([COMMENT | {"id": f"secret-{i}"} for i in range(BATCH + 5)])
    worker = Worker(engine, settings, lambda: Watched(pipeline.analyze), threading.Event())
    assert worker.step()
    worker.step()
    found = by_name(spans)
    batches = [attributes(span) for span in found["upload batch"]]
    assert [(one["listenwell.first_row"], one["listenwell.comments"]) for one in batches] == [
        (0, BATCH),
        (BATCH, 5),
    ]
    assert {one["listenwell.job_id"] for one in batches} == {job.id}
    assert [attributes(span)["listenwell.comments"] for span in found["analyze"]] == [BATCH, 5]
    assert len(found["database.write"]) == len(found["database.read"]) == 2
    # Idle polling leaves no trace, and neither does claiming.
    assert {span.name for span in spans.get_finished_spans() if span.parent is None} == {"upload batch"}
    assert "secret" not in told(spans)


def test_a_delivery_is_traced_without_its_address(
    engine: Engine, pipeline: models.Pipeline, spans: InMemorySpanExporter
) -> None:
    with receiving() as receiver:
        with write(engine) as conn:
            url = f"{receiver.url}/secret-of-the-receiver"
            id = webhook_repository.add(conn, "default", url, outbox.TYPES, new_secret(), True)
        Desk(engine, pipeline.analyze, Settings(model="weightless")).record([COMMENT])
        receiver.status = 500
        assert deliver.deliver_due(engine, allow_private=True) == 0
        assert deliver.deliver_due(engine) == 0
    (delivery,) = by_name(spans)["webhook delivery"]
    shown = attributes(delivery)
    assert shown.pop("listenwell.event_id").startswith("evt_")
    assert shown == {"listenwell.webhook_id": id, "listenwell.attempt": 1, "http.response.status_code": 500}
    assert "secret" not in told(spans)


def test_log_lines_name_their_trace(client: TestClient, spans: InMemorySpanExporter) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonLines())
    logging.getLogger().addHandler(handler)
    try:
        with client.app.state.parts.engine.begin() as conn:  # type: ignore[attr-defined]
            conn.exec_driver_sql("ALTER TABLE mention RENAME TO elsewhere")
        client.post("/v1/comments", json={"comments": [COMMENT]}, headers=PARENT)
        logging.getLogger("listenwell").error("outside")
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {(line.get("trace_id"), line.get("request_id")) for line in lines} == {
        (TRACE, "known-1"),
        (None, None),
    }


def test_it_is_off_unless_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert is_off()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    assert not is_off()
    with monkeypatch.context() as other:
        other.setenv("OTEL_SDK_DISABLED", "true")
        assert is_off()
    with monkeypatch.context() as other:
        other.setenv("OTEL_TRACES_EXPORTER", "none")
        assert is_off()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(InputError, match="OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf"):
        is_off()


def is_off() -> bool:
    with tracing.on(), tracing.span("probe") as span:
        return not span.is_recording()


@pytest.mark.slow
def test_a_real_server_sends_its_traces_to_a_real_receiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        receiver.status = 200
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.removesuffix("/hook"))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        monkeypatch.setenv("LISTENWELL_LOG_FORMAT", "json")
        with serving(tmp_path) as (url, _):
            answer = httpx2.post(
                f"{url}/v1/comments", json={"comments": [COMMENT]}, headers=PARENT, timeout=20
            )
            assert answer.status_code == 200
            rows = b"".join(b'{"id":"secret-%d","text":"The app crashes."}\n' % i for i in range(20))
            job = httpx2.post(f"{url}/v1/jobs?format=jsonl", content=rows, timeout=20)
            wait_until_done(url + job.headers["location"])
        sent = exported(receiver.got)
    ours = {span.name for _, span in sent if span.trace_id.hex() == TRACE}
    assert ours == {"POST /v1/comments", "analyze", "database.read", "database.write"}
    assert {"POST /v1/jobs", "upload batch"} <= {span.name for _, span in sent}
    assert {service for service, _ in sent} == {"listenwell"}
    assert "secret" not in str(sent)


def exported(got: list[tuple[dict[str, str], bytes]]) -> list[tuple[str, Span]]:
    """The spans in what a receiver got, each with the name of its service."""
    found = []
    for headers, body in got:
        assert headers["content-type"] == "application/x-protobuf"
        request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
        for resource in request.resource_spans:
            (name,) = (
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            )
            found += [(name, span) for scope in resource.scope_spans for span in scope.spans]
    return found


@pytest.mark.slow
def test_a_receiver_that_is_away_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with serving(tmp_path) as (url, _):  # which has 20 seconds to stop
        body = {"comments": [{"text": "The app crashes."}]}
        assert httpx2.post(f"{url}/v1/analyze", json=body, timeout=5).status_code == 200
