"""HEAD wherever there is GET, and a refusal that names every method of its address."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from service.exports.tables import ENCODERS
from tests.keys import bearer, make_key

COMMENT = {"id": "c1", "text": "Agent was kind but nobody ever fixed my bill.", "touchpoint": "support"}
PLAIN = ["/", "/v1/comments/c1", "/v1/comments/none", "/v1/exports/comments.csv", "/v1/analyze", "/nowhere"]


def told(client: TestClient, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers, but for those that no two answers have in common."""
    answer = client.request(method, path, headers=headers, follow_redirects=False)
    own = {"x-request-id"} | ({"content-length"} if path == "/metrics" else set())
    return answer.status_code, {name: v for name, v in answer.headers.items() if name not in own}


def messages(client: TestClient, path: str, spec: str) -> list[Any]:
    """What a server is given to send; the test client itself would drop a body."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": spec},
        "method": "HEAD",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return sent


def test_head_is_answered_as_get_wherever_there_is_one(client: TestClient) -> None:
    client.post("/v1/comments", json={"comments": [COMMENT]})
    paths = client.get("/openapi.json").json()["paths"]
    given = [
        path.format_map({"id": "c1", "format": "csv"}) for path, calls in paths.items() if "get" in calls
    ]
    assert len(given) > 25
    for path in [*given, *PLAIN]:
        assert told(client, "HEAD", path) == told(client, "GET", path), path
    assert told(client, "HEAD", "/v1/comments")[0] == 200


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("path", ["/healthz", "/v1/comments", "/v1/exports/comments.csv"])
def test_no_body_is_sent(client: TestClient, path: str, spec: str) -> None:
    start, body = messages(client, path, spec)
    assert start["status"] == 200
    assert body == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_comment_that_did_not_change_is_said_so(client: TestClient) -> None:
    client.post("/v1/comments", json={"comments": [COMMENT]})
    _, headers = told(client, "HEAD", "/v1/comments/c1")
    assert client.head("/v1/comments/c1", headers={"if-none-match": headers["etag"]}).status_code == 304


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
def test_a_stream_is_closed_and_not_read_to_its_end(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    made, closed = [], threading.Event()

    def pieces(*_: object) -> Iterator[bytes]:
        try:
            for number in range(1_000):
                made.append(number)
                yield b"piece"
        finally:
            closed.set()

    monkeypatch.setitem(ENCODERS, "csv", pieces)
    start, _ = messages(client, "/v1/exports/comments.csv", spec)
    assert (start["status"], len(made)) == (200, 1)
    assert closed.wait(5)


def test_the_doorkeeper_asks_for_the_same_key(client: TestClient, engine_of: sa.Engine) -> None:
    keys = {scope: bearer(make_key(engine_of, scope)) for scope in ("read", "metrics")}
    for headers in ({}, *keys.values()):
        for path in ("/healthz", "/metrics", "/v1/comments", "/nowhere"):
            assert told(client, "HEAD", path, **headers) == told(client, "GET", path, **headers), path
    assert client.head("/v1/comments").status_code == 401
    assert client.head("/metrics", headers=keys["read"]).status_code == 403
    assert client.head("/metrics", headers=keys["metrics"]).status_code == 200


def test_it_is_counted_as_what_it_is_under_its_route(client: TestClient) -> None:
    client.head("/v1/comments/c1")
    series = 'listenwell_http_requests_total{method="HEAD",route="/v1/comments/{id:path}",status="404"}'
    assert series in client.get("/metrics").text


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/v1/comments", "GET, HEAD, POST, DELETE"),
        ("/v1/comments/c1", "GET, HEAD, DELETE"),
        ("/v1/analyze", "POST"),
        ("/v1/limits", "GET, HEAD"),
        ("/sign-in", "GET, HEAD, POST"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS"])
def test_a_refusal_names_every_method_of_the_address(
    client: TestClient, method: str, path: str, taken: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == taken
