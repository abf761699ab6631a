"""What cannot be read at all is answered with problem+json, a stable code, and never a 500."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

import models
from service.analyse import Desk
from service.app import create_app
from service.body import read_body
from service.settings import Settings


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"not json", 400, "invalid_json"),
        (b'{"comments": [', 400, "invalid_json"),
        (b'{"comments": [{"text": "a", "scores": {"nps": NaN}}]}', 400, "invalid_json"),
        (b'{"comments": [Infinity]}', 400, "invalid_json"),
        (b"[" * 50_000, 400, "invalid_json"),
        (b'{"comments": [' + b"9" * 5_000 + b"]}", 400, "invalid_json"),
        ('{"comments": [{"text": "café"}]}'.encode("latin-1"), 400, "invalid_encoding"),
        (b'{"comments": [{"text": "\xed\xa0\x80"}]}', 400, "invalid_encoding"),
        ('{"comments": []}'.encode("utf-16"), 400, "invalid_encoding"),
        (b"\x1f\x8b\x08\x00", 400, "invalid_encoding"),
        (b"[]", 422, "invalid_body"),
        (b"null", 422, "invalid_body"),
        (b'{"comment": []}', 422, "invalid_body"),
        (b'{"comments": {}}', 422, "invalid_body"),
        (b'{"comments": [], "tenant": "x"}', 422, "invalid_body"),
        (json.dumps({"comments": [{}] * 501}).encode(), 413, "too_many_comments"),
        (b" " * 100_001, 413, "body_too_large"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/analyze", "/v1/comments"])
def test_a_body_that_cannot_be_read(
    client: TestClient, path: str, body: bytes, status: int, code: str
) -> None:
    answer = client.post(path, content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == path


@pytest.mark.parametrize(("headers", "chunks_read"), [([(b"content-length", b"50000000")], 0), ([], 9)])
def test_a_body_of_50_megabytes_is_not_read_to_its_end(
    headers: list[tuple[bytes, bytes]], chunks_read: int
) -> None:
    """Not at all where its length is declared, else to the limit of 8 MiB and no further."""
    chunks = iter([b" " * 1_000_000] * 50)
    state = SimpleNamespace(parts=SimpleNamespace(settings=Settings(model="weightless")))

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": next(chunks), "more_body": True}

    request = Request({"type": "http", "headers": headers, "app": SimpleNamespace(state=state)}, receive)
    with pytest.raises(models.InputError, match="8,388,608 bytes"):
        asyncio.run(read_body(request))
    assert 50 - len(list(chunks)) == chunks_read


def test_an_empty_batch_is_a_batch(client: TestClient) -> None:
    assert client.post("/v1/comments", json={"comments": []}).json() == {"results": [], "errors": []}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/comments?issue=easy_to_use", "invalid_value"),
        ("/v1/comments?strength=nonsense", "invalid_value"),
        ("/v1/comments?sentiment=sad", "invalid_value"),
        ("/v1/comments?empathy=yes", "invalid_value"),
        ("/v1/comments?from=2026-13-01", "invalid_value"),
        ("/v1/comments?to=tomorrow", "invalid_value"),
        ("/v1/comments?from=2026-10-02&to=2026-10-01", "invalid_value"),
        ("/v1/touchpoints?from=2026-10-02&to=2026-10-01", "invalid_value"),
        ("/v1/comments?limit=0", "invalid_value"),
        ("/v1/comments?limit=201", "invalid_value"),
        ("/v1/comments?cursor=abc", "invalid_cursor"),
        ("/v1/comments?q=" + "q" * 201, "invalid_value"),
        ("/v1/comments?q=%00", "invalid_value"),
        ("/v1/comments?isue=unmet_expectations", "unknown_field"),
        ("/v1/comments/a%00b", "invalid_value"),
        ("/v1/touchpoints?from=1&grain=day", "unknown_field"),
        ("/v1/touchpoints/*/metrics?grain=year", "invalid_value"),
        ("/v1/comments/nobody", "unknown_comment"),
        ("/v1/touchpoints/nowhere/metrics", "unknown_touchpoint"),
        ("/v1/nothing", "not_found"),
        ("/nothing", "not_found"),
    ],
)
def test_an_address_that_is_wrong(client: TestClient, path: str, code: str) -> None:
    answer = client.get(path)
    assert answer.json()["code"] == code
    assert answer.status_code == (
        404 if code in ("not_found", "unknown_comment", "unknown_touchpoint") else 422
    )
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_method_is_refused_with_those_that_are_taken(client: TestClient) -> None:
    answer = client.put("/v1/analyze")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_may_change_nothing(client: TestClient, site: str) -> None:
    headers = {"sec-fetch-site": site, "content-type": "text/plain"}
    body = '{"comments": [{"id": "x", "text": "planted"}]}'
    assert client.post("/v1/comments", content=body, headers=headers).json()["code"] == "cross_site"
    assert client.delete("/v1/comments?customer_id=u", headers=headers).status_code == 403
    assert client.get("/v1/comments/x", headers=headers).status_code == 404


def test_what_goes_wrong_inside_is_not_told_outside(tmp_path: Path) -> None:
    def broken(comments: object, *, all_labels: bool = False) -> list[models.Analysis]:
        raise RuntimeError("secret of the house")

    app = create_app(Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}"), broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/v1/analyze", json={"comments": [{"text": "a"}]})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_a_busy_model_asks_to_come_again(tmp_path: Path) -> None:
    def busy(comments: object, *, all_labels: bool = False) -> list[models.Analysis]:
        raise models.ListenwellError("the model is busy", code="model_busy")

    app = create_app(Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}"), busy)
    with TestClient(app) as client:
        answer = client.post("/v1/comments", json={"comments": [{"id": "a", "text": "a"}]})
        assert client.get("/v1/comments/a").status_code == 404
    assert (answer.status_code, answer.json()["code"]) == (503, "model_busy")
    assert answer.headers["retry-after"] == "1"


def test_a_comment_that_cannot_be_stored_does_not_hide_the_others(
    engine: sa.Engine, pipeline: models.Pipeline
) -> None:

    @sa.event.listens_for(engine, "before_cursor_execute")
    def fail(_conn: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        values = given.values() if isinstance(given, dict) else given
        if "INSERT INTO comment " in statement and "b" in values:
            raise sa.exc.OperationalError("INSERT", None, Exception("disk full"))

    desk = Desk(engine, pipeline.analyze, Settings(model="weightless"))
    results = desk.record([{"id": name, "text": "fine"} for name in "abc"])
    assert [result["id"] for result in results.results] == ["a", "c"]
    (error,) = results.errors
    assert (error["id"], error["index"], error["code"]) == ("b", 1, "not_stored")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["id", "text", "question", "touchpoint", "occurred_at", "scores", "metadata", "language", "nps"]
COMMENT = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(COMMENT | JSON, max_size=4))
def test_whatever_comes_each_item_is_answered_once(client: TestClient, items: list[object]) -> None:
    answer = client.post("/v1/comments", content=json.dumps({"comments": items}))
    assert answer.status_code == 200
    assert len(answer.json()["results"]) + len(answer.json()["errors"]) == len(items)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/analyze?includ=all_labels"),
        ("POST", "/v1/comments?include=all_labels"),
        ("POST", "/v1/comments/a/corrections?dry_run=1"),
        ("GET", "/v1/comments/a?with=text"),
    ],
)
def test_a_parameter_that_a_call_has_not_is_named(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, json={"comments": []} if method == "POST" else None)
    name = path.partition("?")[2].partition("=")[0]
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
    assert answer.json()["detail"] == f"{name}: is not a parameter of this call"


def test_a_field_that_a_correction_has_not_is_none_of_a_correction(client: TestClient) -> None:
    said = {"sentiment": "negative", "feeling": 1}
    detail = client.post("/v1/comments/a/corrections", json=said).json()["detail"]
    assert detail == "feeling: is not a field of a correction"
    given = {"stream": "audit", "id": "a", "feeling": 1}
    assert client.post("/v1/review", json=given).json()["detail"] == "feeling: is not a field of an answer"
