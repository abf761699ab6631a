"""The database goes away in the middle of the day and comes back: the service says so and needs no restart."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service import repository
from service.analyse import Desk
from service.app import create_app
from service.database import open_engine, read
from service.settings import Settings
from tests.databases import Databases, PostgresServer
from tests.recount import assert_exact

BODY = {"comments": [{"id": "a", "text": "Checkout was easy."}, {"id": "b", "text": "The app crashes."}]}


@pytest.fixture
def url(databases_of: Callable[..., Databases], postgres_server: PostgresServer) -> Iterator[str]:
    with databases_of("postgresql", postgres_server).new() as url:
        yield url


@pytest.fixture
def away(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server that a test may stop; it runs again for the next one."""
    yield postgres_server
    if not postgres_server.running:
        postgres_server.start()


def served(url: str, tagger: models.Pipeline) -> TestClient:
    app = create_app(Settings(model="weightless", database_url=url), tagger.analyze)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("immediately", [False, True])
def test_every_call_says_so_and_the_first_one_afterwards_is_answered(
    url: str, away: PostgresServer, pipeline: models.Pipeline, immediately: bool
) -> None:
    with served(url, pipeline) as client:
        assert len(client.post("/v1/comments", json=BODY).json()["results"]) == 2
        away.stop(immediately=immediately)
        for answer in (
            client.post("/v1/comments", json=BODY),
            client.get("/v1/comments"),
            client.delete("/v1/comments/a"),
            client.get("/v1/touchpoints"),
            client.get("/readyz"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert "socket" not in answer.text
        assert client.get("/healthz").status_code == 200
        away.start()
        assert client.get("/readyz").status_code == 200
        outcomes = [result["outcome"] for result in client.post("/v1/comments", json=BODY).json()["results"]]
        assert outcomes == ["replayed", "replayed"]
        # A restart that nobody asked during.
        away.stop(immediately=immediately)
        away.start()
        assert client.delete("/v1/comments/a").status_code == 204


def test_gone_while_a_batch_is_tagged(url: str, away: PostgresServer, pipeline: models.Pipeline) -> None:
    """Nothing of the batch was stored, so all of it may be sent again."""

    def tag(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        if away.running and not stopped:
            away.stop(immediately=True)
            stopped.append(True)
        return pipeline.analyze(comments, all_labels=all_labels)

    stopped: list[bool] = []
    app = create_app(Settings(model="weightless", database_url=url), tag)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/v1/comments", json=BODY)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        away.start()
        outcomes = [result["outcome"] for result in client.post("/v1/comments", json=BODY).json()["results"]]
        assert outcomes == ["created", "created"]


def test_gone_in_the_middle_of_a_batch(url: str, away: PostgresServer, pipeline: models.Pipeline) -> None:
    """What was stored before is told apart from what was not, and the rest is not tried for ever."""
    engine = open_engine(url)
    desk = Desk(engine, pipeline.analyze, Settings(model="weightless"))
    items = [{"id": f"c{i}", "text": "fine"} for i in range(20)]
    commits = count(1)

    @sa.event.listens_for(engine, "commit")
    def stop_at_the_fifth_comment(_: sa.Connection) -> None:
        # The first transaction asked what is stored already.
        if next(commits) == 6:
            away.stop(immediately=True)

    results = desk.record(items)
    assert [result["id"] for result in results.results] == ["c0", "c1", "c2", "c3"]
    assert {error["code"] for error in results.errors} == {"not_stored"}
    assert len(results.results) + len(results.errors) == 20
    away.start()
    assert {result["outcome"] for result in desk.record(items).results} == {"replayed", "created"}
    with read(engine) as conn:
        assert_exact(conn)
        assert len(repository.digests(conn, "default", [item["id"] for item in items])) == 20
    engine.dispose()


def test_away_from_the_start_is_said_in_one_line(postgres_server: PostgresServer) -> None:
    with pytest.raises(models.InputError) as caught:
        open_engine(f"postgresql://me:secret@/none?host={postgres_server.folder}/nowhere")
    assert caught.value.code == "database_unavailable"
    assert "secret" not in str(caught.value)


def test_more_requests_than_connections_are_told_to_come_again(url: str, pipeline: models.Pipeline) -> None:
    with served(url, pipeline) as client:
        engine = client.app.state.parts.engine  # type: ignore[attr-defined]
        engine.pool._timeout = 0.1
        held = [engine.connect() for _ in range(20)]
        answer = client.get("/v1/comments")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        for conn in held:
            conn.close()
        assert client.get("/v1/comments").status_code == 200
