"""Signing in to the page: a form, a cookie that is not the key, and what ends it."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.database import read, write
from service.keys import repository, sessions
from service.keys.key import hash_of, mint
from service.keys.sessions import COOKIE
from service.settings import Settings
from tests.keys import make_key

HTML = {"accept": "text/html"}


def sign_in(client: TestClient, key: str, next: str = "/") -> str:
    """The cookie's header line."""
    answer = client.post("/sign-in", data={"key": key, "next": next}, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["set-cookie"]


def test_a_person_is_asked_for_a_key_and_led_on(client: TestClient, engine_of: sa.Engine) -> None:
    key = make_key(engine_of, "read", tenant="shop")
    asked = client.get("/all?q=late&sentiment=", headers=HTML, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/sign-in?next=%2Fall%3Fq%3Dlate%26sentiment%3D",
    )
    form = client.get(asked.headers["location"], headers=HTML)
    assert 'value="/all?q=late&amp;sentiment="' in form.text
    assert "style=" not in form.text
    assert "<script" not in form.text
    answer = client.post(
        "/sign-in", data={"key": key, "next": "/all?q=late&sentiment="}, follow_redirects=False
    )
    assert answer.headers["location"] == "/all?q=late&sentiment="
    page = client.get("/", headers=HTML)
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert "shop" in page.text
    assert client.get("/v1/touchpoints").status_code == 200


def test_the_cookie_is_not_the_key_and_is_kept_from_scripts_and_other_sites(
    client: TestClient, engine_of: sa.Engine
) -> None:
    key = make_key(engine_of, "read")
    line = sign_in(client, key)
    assert key.split("_", 2)[2] not in line
    assert hash_of(key.split("_", 2)[2]) not in line
    parts = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= parts
    assert "secure" not in parts


def test_over_https_the_cookie_is_secure(tmp_path: Path, pipeline: models.Pipeline) -> None:
    app = create_app(
        Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}"), pipeline.analyze
    )
    with TestClient(app, base_url="https://feedback.example") as client:
        key = make_key(app.state.parts.engine, "read")
        assert "secure" in sign_in(client, key).lower()
        assert client.get("/").status_code == 200


def test_behind_a_proxy_that_speaks_https_the_cookie_is_secure(
    client: TestClient, engine_of: sa.Engine
) -> None:
    client.headers["x-forwarded-proto"] = "https"
    assert "secure" in sign_in(client, make_key(engine_of, "read")).lower()


def test_signing_out(client: TestClient, engine_of: sa.Engine) -> None:
    sign_in(client, make_key(engine_of, "read"))
    answer = client.post("/sign-out", follow_redirects=False)
    assert answer.headers["location"] == "/sign-in"
    assert client.get("/v1/touchpoints").status_code == 401


def test_signing_out_of_a_session_that_has_ended(client: TestClient, engine_of: sa.Engine) -> None:
    make_key(engine_of, "read")
    client.cookies.set("listenwell_session", "long.gone")
    answer = client.post("/sign-out", headers={"accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert client.post("/sign-out").status_code == 401  # a program is told


def test_a_cookie_gives_no_more_than_its_key(client: TestClient, engine_of: sa.Engine) -> None:
    sign_in(client, make_key(engine_of, "read"))
    body = {"comments": [{"id": "a", "text": "Fine."}]}
    assert client.post("/v1/comments", json=body).status_code == 403
    assert client.delete("/v1/comments/a").status_code == 403


@pytest.mark.parametrize("ending", ["revoke", "rotate", "expire"])
def test_a_session_ends_with_its_key(client: TestClient, engine_of: sa.Engine, ending: str) -> None:
    key = make_key(engine_of, "read")
    id = key.split("_")[1]
    sign_in(client, key)
    assert client.get("/v1/touchpoints").status_code == 200
    with write(engine_of) as conn:
        now = repository.now(conn)
        match ending:
            case "revoke":
                repository.revoke(conn, id)
            case "rotate":
                repository.rotate(conn, id, hash_of(mint().secret), now)
            case "expire":
                conn.execute(sa.text("UPDATE api_key SET expires_at = '2020-01-01 00:00:00'"))
    assert client.get("/v1/touchpoints").status_code == 401


def test_a_session_outlives_a_rotation_by_its_grace(client: TestClient, engine_of: sa.Engine) -> None:
    key = make_key(engine_of, "read")
    sign_in(client, key)
    with write(engine_of) as conn:
        until = repository.now(conn) + timedelta(hours=1)
        repository.rotate(conn, key.split("_")[1], hash_of(mint().secret), until)
    assert client.get("/v1/touchpoints").status_code == 200


def test_a_session_ends_by_itself(client: TestClient, engine_of: sa.Engine) -> None:
    key = make_key(engine_of, "read")
    sign_in(client, key)
    with read(engine_of) as conn:
        signing = repository.known_secret(conn, sessions.SECRET)
        now = int(repository.now(conn).timestamp())
    assert signing is not None
    client.cookies.clear()
    for expires, status in ((now + 60, 200), (now - 1, 401)):
        token = sessions.issue(signing, key.split("_")[1], hash_of(key.split("_", 2)[2]), expires)
        answer = client.get("/v1/touchpoints", headers={"cookie": f"{COOKIE}={token}"})
        assert answer.status_code == status


@pytest.mark.parametrize("what", ["a later end", "another key", "another signature", "no token"])
def test_a_cookie_that_was_altered(client: TestClient, engine_of: sa.Engine, what: str) -> None:
    key, other = make_key(engine_of, "read"), make_key(engine_of, "admin")
    sign_in(client, key)
    id, expires, signature = client.cookies[COOKIE].split(".")
    altered = {
        "a later end": f"{id}.9{expires}.{signature}",
        "another key": f"{other.split('_')[1]}.{expires}.{signature}",
        "another signature": f"{id}.{expires}.{'0' * 64}",
        "no token": key,
    }[what]
    client.cookies.clear()
    answer = client.get("/v1/touchpoints", headers={"cookie": f"{COOKIE}={altered}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("key", ["", "nonsense", "lw_abcdefghijkl_" + "x" * 43])
def test_a_wrong_key_is_answered_with_the_form(client: TestClient, engine_of: sa.Engine, key: str) -> None:
    make_key(engine_of, "read")
    answer = client.post("/sign-in", data={"key": key, "next": "/all"})
    assert answer.status_code == 401
    assert "That did not work" in answer.text
    assert key == "" or key not in answer.text
    assert 'value="/all"' in answer.text
    assert COOKIE not in client.cookies


def test_a_key_for_metrics_opens_no_page(client: TestClient, engine_of: sa.Engine) -> None:
    answer = client.post("/sign-in", data={"key": make_key(engine_of, "metrics")})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "next", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/\tx", ""]
)
def test_nobody_is_led_to_another_site(client: TestClient, engine_of: sa.Engine, next: str) -> None:
    key = make_key(engine_of, "read")
    answer = client.post("/sign-in", data={"key": key, "next": next}, follow_redirects=False)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join(b"a=1" for _ in range(20))])
def test_a_body_that_is_no_form(client: TestClient, engine_of: sa.Engine, body: bytes) -> None:
    make_key(engine_of, "read")
    assert client.post("/sign-in", content=body).json()["code"] == "invalid_body"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_a_page_of_another_site_signs_nobody_in_or_out(
    client: TestClient, engine_of: sa.Engine, path: str
) -> None:
    key = make_key(engine_of, "read")
    sign_in(client, key)
    answer = client.post(path, data={"key": key}, headers={"sec-fetch-site": "cross-site"})
    assert answer.json()["code"] == "cross_site"


def test_without_keys_there_is_nothing_to_sign_in_to(client: TestClient) -> None:
    assert client.get("/sign-in", follow_redirects=False).headers["location"] == "/"
    assert "Sign out" not in client.get("/").text
