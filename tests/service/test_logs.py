"""Every answer and every log line has the id of its request; lines hold no text of a comment."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service import logs
from service.app import create_app
from service.settings import Settings


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, through a handler of the root logger as a server would have it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logging.getLogger().addHandler(handler)
    yield out
    logging.getLogger().removeHandler(handler)


def broken(comments: object, *, all_labels: bool = False) -> list[models.Analysis]:
    raise RuntimeError("something inside")


def application(tmp_path: Path, log_format: Any, tagger: Any = broken) -> TestClient:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    settings = Settings(model="weightless", database_url=url, log_format=log_format)
    return TestClient(create_app(settings, tagger), raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/healthz", "/v1/comments/none", "/nothing", "/v1/limits", "/metrics"])
def test_a_given_id_comes_back(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "a\tb", "é".encode()])
def test_an_id_that_is_not_fit_is_replaced(client: TestClient, given: Any) -> None:
    made = client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert client.get("/healthz").headers["x-request-id"] != made


def test_json_lines_say_what_went_wrong_and_in_which_request(tmp_path: Path, lines: io.StringIO) -> None:
    with application(tmp_path, "json") as client:
        body = {"comments": [{"id": "c1", "text": "My card is 4111 1111."}]}
        answer = client.post("/v1/comments", json=body, headers={"X-Request-Id": "abc-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "abc-1")
    access, line = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert {line["request_id"], access["request_id"]} == {"abc-1"}
    assert (access["logger"], access["level"]) == ("listenwell.access", "info")
    assert re.fullmatch(r"POST /v1/comments 500 [0-9.]+ ms", access["message"])
    assert (line["level"], line["logger"], line["message"]) == ("error", "listenwell", "POST /v1/comments")
    assert "RuntimeError: something inside" in line["exception"]
    assert "4111" not in lines.getvalue()


def test_plain_lines_have_it_too(tmp_path: Path, lines: io.StringIO) -> None:
    with application(tmp_path, "text") as client:
        client.post("/v1/analyze", json={"comments": [{"text": "a"}]}, headers={"X-Request-Id": "abc-1"})
    assert "[ERROR] [listenwell] POST /v1/analyze (request=abc-1)" in lines.getvalue()


def test_two_requests_at_once_keep_their_ids(tmp_path: Path, lines: io.StringIO) -> None:
    inner: list[int] = []

    def tagger(comments: object, *, all_labels: bool = False) -> list[models.Analysis]:
        if not inner:
            inner.append(client.get("/nothing", headers={"X-Request-Id": "inner"}).status_code)
        raise RuntimeError

    with application(tmp_path, "json", tagger) as client:
        client.post("/v1/analyze", json={"comments": [{"text": "a"}]}, headers={"X-Request-Id": "outer"})
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["logger"], line["request_id"]) for line in told] == [
        ("listenwell.access", "inner"),
        ("listenwell.access", "outer"),
        ("listenwell", "outer"),
    ]


def test_a_line_on_a_request_is_one_line_without_its_query(tmp_path: Path, lines: io.StringIO) -> None:
    with application(tmp_path, "text") as client:
        client.get("/v1/nothing%0Ahere?customer_id=u-7")
        client.get("/healthz")
    (line,) = lines.getvalue().splitlines()
    assert "GET /v1/nothing%0Ahere 404" in line


def test_the_database_does_not_tell_what_was_in_a_statement(
    tmp_path: Path, lines: io.StringIO, pipeline: models.Pipeline
) -> None:
    with application(tmp_path, "json", pipeline.analyze) as client:
        with client.app.state.parts.engine.begin() as conn:  # type: ignore[attr-defined]
            conn.execute(sa.text("DROP TABLE mention"))
        body = {"comments": [{"id": "c1", "text": "Checkout was easy, card 4111."}]}
        client.post("/v1/comments", json=body)
        client.get("/v1/comments?issue=unresolved_issue")
    assert "mention" in lines.getvalue()
    assert "4111" not in lines.getvalue()


def test_lines_outside_a_request_have_no_id() -> None:
    record = logging.makeLogRecord({"name": "listenwell", "levelname": "INFO", "msg": "a %s", "args": ("b",)})
    assert logs.Lines().format(record).endswith("[INFO] [listenwell] a b")
    assert set(json.loads(logs.JsonLines().format(record))) == {"time", "level", "logger", "message"}
