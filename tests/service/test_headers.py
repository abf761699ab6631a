"""Every answer carries the headers that keep a browser from doing more with it than it should."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.bento_doors import HEADER, WORD, Front, Inside, agree
from service.settings import Settings
from tests.keys import make_key

PAGES = ["/", "/all", "/docs", "/sign-in"]
OTHERS = [
    "/v1/touchpoints",
    "/v1/nothing",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/static/listenwell.css",
]


def policy_of(answer: Any) -> dict[str, str]:
    """The content policy, by directive."""
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", PAGES + OTHERS)
@pytest.mark.parametrize("keyed", [False, True])
def test_every_answer_has_them(client: TestClient, engine_of: sa.Engine, path: str, keyed: bool) -> None:
    if keyed:
        make_key(engine_of, "read")
    answer = client.get(path, headers={"accept": "text/html"}, follow_redirects=False)
    policy = policy_of(answer)
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in str(policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "cache-control" in answer.headers


def test_a_page_may_have_our_stylesheet_and_send_our_forms(client: TestClient) -> None:
    policy = policy_of(client.get("/"))
    assert (policy["style-src"], policy["form-action"]) == ("'self'", "'self'")
    assert "script-src" not in policy


def test_also_where_something_broke(tmp_path: Path) -> None:
    def broken(comments: object, *, all_labels: bool = False) -> list[models.Analysis]:
        raise RuntimeError

    app = create_app(Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}"), broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/v1/analyze", json={"comments": [{"text": "a"}]})
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert policy_of(answer)["default-src"] == "'none'"


def answers(app: Any, path: str, headers: dict[str, str] | None = None) -> int:
    """The status with which an ASGI application answers."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "path": path, "headers": raw, "method": "POST"}
    asyncio.run(app(scope, None, send))
    return statuses[0]


def an_app(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def test_bentoml_answers_only_whether_it_is_ready() -> None:
    front = Front(an_app(299), an_app(201))
    paths = ("/readyz", "/livez", "/schema.json", "/healthz", "/", "/readyz/", "//readyz")
    assert [answers(front, path) for path in paths] == [299, 201, 201, 201, 201, 201, 201]


def test_the_encoder_listens_to_who_knows_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Inside(an_app(200))
    monkeypatch.delenv(WORD, raising=False)
    assert answers(inside, "/encode", {HEADER: ""}) == 403
    monkeypatch.setenv(WORD, "sesame")
    agree()
    given: list[dict[str, str]] = [{}, {HEADER: ""}, {HEADER: "open"}, {HEADER: "sesame"}]
    assert [answers(inside, "/encode", one) for one in given] == [403, 403, 403, 200]
    assert answers(inside, "/readyz") == 200
