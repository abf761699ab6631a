"""Keys: what a caller may do with one, with none, and with one that is over."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import models
from service.app import create_app
from service.commands.keys import keys
from service.database import read, write
from service.keys import repository
from service.keys.doorkeeper import is_local, needed
from service.keys.key import Key, hash_of, mint, parse
from service.keys.tables import api_key
from service.settings import Settings
from tests.keys import bearer, make_key

COMMENT = {"id": "a", "text": "Agent was kind but nobody ever fixed my bill.", "customer_id": "u"}


def set_key(engine: sa.Engine, key: str, **values: object) -> None:
    with write(engine) as conn:
        conn.execute(api_key.update().where(api_key.c.id == key.split("_")[1]).values(values))


def key_row(engine: sa.Engine, key: str) -> Key:
    with read(engine) as conn:
        found = repository.find(conn, key.split("_")[1])
    assert found is not None
    return found[0]


def test_the_text_of_a_key_has_two_parts() -> None:
    text = mint()
    assert parse(str(text)) == text
    assert len({mint().secret for _ in range(50)}) == 50
    for wrong in ("", "lw_", f"{text}x", str(text)[:-1], str(text).upper(), f"lw_{text.id}", "lw_é_é"):
        assert parse(wrong) is None


@pytest.mark.parametrize("path", ["/", "/all", "/docs", "/openapi.json", "/v1/touchpoints", "/metrics", "/x"])
def test_once_there_is_a_key_one_is_needed(client: TestClient, engine_of: sa.Engine, path: str) -> None:
    open_answer = client.get(path)
    assert open_answer.status_code == (404 if path == "/x" else 200)
    make_key(engine_of, "read")
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="listenwell"'


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/sign-in", "/static/listenwell.css"])
def test_what_stays_open(client: TestClient, engine_of: sa.Engine, path: str) -> None:
    make_key(engine_of, "read")
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", {"read"}),
        ("write", {"read", "write"}),
        ("admin", {"read", "write", "admin"}),
        ("metrics", {"metrics"}),
    ],
)
def test_each_scope_opens_its_calls_and_no_other(
    client: TestClient, engine_of: sa.Engine, scope: str, allowed: set[str]
) -> None:
    headers = bearer(make_key(engine_of, scope))
    calls = {
        "read": [
            ("GET", "/v1/comments"),
            ("GET", "/"),
            ("GET", "/v1/touchpoints"),
            ("POST", "/v1/analyze"),
        ],
        "write": [("POST", "/v1/comments")],
        "admin": [("DELETE", "/v1/comments?customer_id=u")],
        "metrics": [("GET", "/metrics")],
    }
    for needs, addresses in calls.items():
        for method, address in addresses:
            body = {"comments": [COMMENT]} if method == "POST" else None
            answer = client.request(method, address, json=body, headers=headers)
            assert answer.status_code == (200 if needs in allowed else 403), (method, address)
            if needs not in allowed:
                assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("path", ["/metrics%0A", "/v1/comments/c1%0A"])
def test_an_address_that_routes_read_as_another_is_refused(
    client: TestClient, engine_of: sa.Engine, path: str
) -> None:
    client.post("/v1/comments", json={"comments": [COMMENT | {"id": "c1"}]})
    for scope in ("read", "admin"):
        answer = client.get(path, headers=bearer(make_key(engine_of, scope)))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_a_call_needs_unless_it_is_listed() -> None:
    assert needed("PUT", "/v1/anything") == "write"
    assert needed("DELETE", "/v1/anything") == "admin"
    assert needed("HEAD", "/v1/anything") == "read"
    assert needed("POST", "/v1/comments/analyze") == "write"


def test_the_openapi_document_says_what_each_call_needs(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            closed = path not in ("/healthz", "/readyz")
            assert ("security" in call) is closed
            assert ({"401", "403", "429"} <= set(call["responses"])) is closed
            assert call.get("x-scope") == (needed(method.upper(), path) if closed else None)
    assert "Scope: admin." in client.get("/docs").text


def test_no_websocket_is_open(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/comments"):
        pass


@pytest.mark.parametrize(
    "header",
    ["Basic abc", "Bearer", "Bearer ", "Bearer nonsense", "bearer lw_abcdefghijkl_" + "x" * 43, "lw_a_b"],
)
def test_a_header_that_holds_no_key(client: TestClient, engine_of: sa.Engine, header: str) -> None:
    """Even where there are no keys: a client that thinks it has one should learn that it has not."""
    answer = client.get("/v1/touchpoints", headers={"authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_the_secret_of_another_key_opens_nothing(client: TestClient, engine_of: sa.Engine) -> None:
    one, other = (make_key(engine_of, "read").split("_", 2) for _ in range(2))
    mixed = "_".join((one[0], one[1], other[2]))
    assert client.get("/v1/touchpoints", headers=bearer(mixed)).status_code == 401


def test_revoked_and_expired_keys_are_over(client: TestClient, engine_of: sa.Engine) -> None:
    with read(engine_of) as conn:
        now = repository.now(conn)
    for field, word in (("revoked_at", "revoked"), ("expires_at", "expired")):
        key = make_key(engine_of, "admin")
        assert client.get("/v1/touchpoints", headers=bearer(key)).status_code == 200
        set_key(engine_of, key, **{field: now})
        answer = client.get("/v1/touchpoints", headers=bearer(key))
        assert (answer.status_code, answer.json()["detail"]) == (401, f"this key is {word}")
    assert client.get("/v1/touchpoints").status_code == 401  # and no key is not better than a revoked one


def test_a_key_lives_until_it_expires(client: TestClient, engine_of: sa.Engine) -> None:
    with read(engine_of) as conn:
        later = repository.now(conn) + timedelta(hours=1)
    key = make_key(engine_of, "read", expires_at=later)
    assert client.get("/v1/touchpoints", headers=bearer(key)).status_code == 200


def test_the_last_use_is_written_at_most_once_a_minute(client: TestClient, engine_of: sa.Engine) -> None:
    key = make_key(engine_of, "read")
    written: list[str] = []

    @sa.event.listens_for(engine_of, "before_cursor_execute")
    def watch(*call: object) -> None:
        if str(call[2]).startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(str(call[2]))

    assert key_row(engine_of, key).last_used_at is None
    for _ in range(5):
        client.get("/v1/touchpoints", headers=bearer(key))
    assert [statement.split(" SET ")[0] for statement in written] == ["UPDATE api_key"]
    first = key_row(engine_of, key).last_used_at
    assert first is not None
    set_key(engine_of, key, last_used_at=first - timedelta(seconds=61))
    client.get("/v1/touchpoints", headers=bearer(key))
    again = key_row(engine_of, key).last_used_at
    assert again is not None
    assert again >= first


@pytest.mark.parametrize(
    ("server", "host", "local"),
    [
        (("127.0.0.1", 3000), "127.0.0.1:3000", True),
        (("127.0.0.1", 3000), "localhost:3000", True),
        (("::1", 3000), "[::1]:3000", True),
        (("::ffff:127.0.0.1", 3000), "localhost", True),
        (("127.0.0.1", 3000), "evil.example", False),
        (("127.0.0.1", 3000), "127.0.0.1.evil.example:3000", False),
        (("192.168.1.7", 3000), "localhost:3000", False),
        (("10.0.0.1", 80), "10.0.0.1", False),
        (("2001:db8::1", 80), "[2001:db8::1]", False),
        (("/run/listenwell.sock", None), "anything", True),
    ],
)
def test_without_keys_only_this_machine_is_answered(
    server: tuple[str, int | None], host: str, local: bool
) -> None:
    assert is_local({"server": server, "headers": [(b"host", host.encode())]}) is local


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip"])
def test_what_a_proxy_passes_on_is_not_of_this_machine(header: str) -> None:
    headers = [(b"host", b"127.0.0.1:3000"), (header.encode(), b"203.0.113.5")]
    assert not is_local({"server": ("127.0.0.1", 3000), "headers": headers})


def test_without_keys_another_address_is_told_to_make_one(tmp_path: Path, pipeline: models.Pipeline) -> None:
    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    app = create_app(settings, pipeline.analyze)
    with TestClient(app, base_url="http://192.168.1.7:3000") as client:
        answer = client.get("/v1/touchpoints")
        assert (answer.status_code, answer.json()["code"]) == (403, "insecure_address")
        assert "listenwell keys create" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200
        key = make_key(client.app.state.parts.engine, "read")  # type: ignore[attr-defined]
        assert client.get("/v1/touchpoints", headers=bearer(key)).status_code == 200


class TestCommands:
    """`listenwell keys`, on a database in a file."""

    @pytest.fixture(autouse=True)
    def database(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "keys.db"
        monkeypatch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{path}")
        monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
        return path

    def run(self, *words: str) -> str:
        done = CliRunner().invoke(keys, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def status(self, key: str, pipeline: models.Pipeline) -> int:
        with TestClient(create_app(Settings(), pipeline.analyze)) as client:
            return client.get("/v1/comments", headers=bearer(key)).status_code

    def test_from_making_to_revoking(self, pipeline: models.Pipeline, database: Path) -> None:
        key = self.run("create", "--name", "nightly job", "--scope", "write", "--expires-days", "30").strip()
        assert self.status(key, pipeline) == 200
        id = key.split("_")[1]
        listed = self.run("list")
        assert "nightly" in listed
        assert id in listed
        new = self.run("rotate", id).strip()
        assert [self.status(one, pipeline) for one in (key, new)] == [200, 200]
        newest = self.run("rotate", id, "--grace", "0").strip()
        assert [self.status(one, pipeline) for one in (key, new, newest)] == [401, 401, 200]
        self.run("revoke", id)
        assert self.status(newest, pipeline) == 401
        assert '"state": "revoked"' in self.run("list", "--json", "--tenant", "default")
        assert self.run("list", "--tenant", "other").strip() == "There is no key."
        kept = b"".join(file.read_bytes() for file in database.parent.glob("keys.db*"))
        for text in (key, new, newest):
            assert text.split("_", 2)[2].encode() not in kept

    def test_no_rotation_ends_a_secret_before_its_time(self, pipeline: models.Pipeline) -> None:
        key = self.run("create", "--name", "n", "--scope", "read").strip()
        id = key.split("_")[1]
        self.run("rotate", id)  # and what it printed is lost
        with pytest.raises(models.InputError, match="rotated already") as caught:
            CliRunner().invoke(keys, ["rotate", id], catch_exceptions=False)
        assert caught.value.code == "rotation_under_way"
        assert self.status(key, pipeline) == 200
        newest = self.run("rotate", id, "--grace", "0").strip()
        assert [self.status(one, pipeline) for one in (key, newest)] == [401, 200]

    def test_what_is_not_there_cannot_be_changed(self) -> None:
        for words in (["revoke", "nobody"], ["rotate", "nobody"]):
            with pytest.raises(models.InputError) as caught:
                CliRunner().invoke(keys, words, catch_exceptions=False)
            assert caught.value.code == "unknown_key"

    def test_a_revoked_key_gets_no_new_secret(self) -> None:
        id = self.run("create", "--name", "n", "--scope", "read").split("_")[1]
        self.run("revoke", id)
        with pytest.raises(models.InputError):
            CliRunner().invoke(keys, ["rotate", id], catch_exceptions=False)

    @pytest.mark.parametrize(
        "words",
        [
            ("--scope", "read"),
            ("--name", "n"),
            ("--name", "n", "--scope", "root"),
            ("--name", "n", "--scope", "read", "--requests-per-minute", "0"),
        ],
    )
    def test_wrong_use(self, words: tuple[str, ...]) -> None:
        assert CliRunner().invoke(keys, ["create", *words]).exit_code == 2

    def test_a_tenant_has_a_plain_name(self) -> None:
        with pytest.raises(models.InputError, match="tenant"):
            CliRunner().invoke(
                keys, ["create", "--name", "n", "--scope", "read", "--tenant", "A b"], catch_exceptions=False
            )


def test_no_secret_is_ever_logged(
    client: TestClient, engine_of: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = make_key(engine_of, "read", requests_per_minute=3)
    secret = key.split("_", 2)[2]
    for path in ("/v1/touchpoints", "/v1/nothing", "/", "/v1/comments?limit=0", "/v1/touchpoints"):
        client.get(path, headers=bearer(key))
    client.post("/sign-in", data={"key": key})
    client.post("/sign-in", data={"key": key + "x"})
    client.get("/v1/touchpoints", headers={"authorization": f"Basic {key}"})
    cookie = client.cookies["listenwell_session"]
    api = Key.__repr__(key_row(engine_of, key))
    for text in (caplog.text, api):
        assert secret not in text
        assert cookie.rsplit(".", 1)[1] not in text
        assert hash_of(secret) not in text
