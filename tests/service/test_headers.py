"""Every answer carries the headers that keep a browser from doing more with it than it should."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.bento_doors import Front
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


def an_app(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def test_bentoml_answers_nothing() -> None:
    theirs = Starlette(middleware=[Middleware(Front, ours=an_app(201))])
    with TestClient(theirs) as client:
        paths = ("/readyz", "/livez", "/schema.json", "/healthz", "/", "/readyz/", "//readyz")
        assert [client.get(path).status_code for path in paths] == [201] * 7
