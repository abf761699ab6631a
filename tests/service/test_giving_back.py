"""What a request costs that is not answered, or was before: nothing of the key's comments a day."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import Response
from starlette.testclient import TestClient

import models
from service import repository as comments
from service.app import create_app
from service.batching import ModelBusyError
from service.database import read, write
from service.idempotency import once
from service.keys import repository
from service.keys.key import Key, parse
from service.keys.limits import Meter
from service.keys.tables import key_usage
from service.settings import Settings
from tests.keys import bearer, make_key

DAY = 86_400
TWO = {"comments": [{"id": "a", "text": "Checkout was easy."}, {"id": "b", "text": "The app crashes."}]}
AWAY = sa.exc.OperationalError("UPDATE", None, Exception("gone"))


def key_of(engine: sa.Engine, **limits: Any) -> Key:
    text = parse(make_key(engine, "write", **limits))
    assert text is not None
    with read(engine) as conn:
        found = repository.find(conn, text.id)
    assert found is not None
    return found[0]


def used(engine: sa.Engine) -> int:
    """What is counted of the only key's comments."""
    with read(engine) as conn:
        query = sa.select(key_usage.c.count).where(key_usage.c.measure == "comments")
        return conn.scalars(query).one_or_none() or 0


def raises(*_: object, **__: object) -> Any:
    raise AWAY


def test_what_is_given_back_may_be_taken_again_and_is_given_back_once(engine: sa.Engine) -> None:
    key = key_of(engine, comments_per_day=5)
    meter = Meter(engine, key)
    Meter(engine, key).take("comments", 1)
    meter.take("comments", 4)
    for _ in range(2):
        meter.give_back("comments")
        assert (used(engine), meter.standing) == (1, None)
    meter.take("comments", 4)


def test_only_comments_are_given_back_of_a_request_that_is_refused(engine: sa.Engine) -> None:
    meter = Meter(engine, key_of(engine, comments_per_day=5, requests_per_minute=9))
    meter.take("requests")
    meter.take("comments", 2)

    async def refused() -> None:
        async with meter.unless_refused("comments"):
            raises()

    with pytest.raises(sa.exc.OperationalError):
        asyncio.run(refused())
    with read(engine) as conn:
        query = sa.select(key_usage.c.measure, key_usage.c.count)
        counted = {measure: count for measure, count in conn.execute(query)}
    assert counted == {"requests": 1, "comments": 0}
    assert meter.standing is not None
    assert meter.standing.limit == 9


@pytest.mark.parametrize("days", [-1, 1])
def test_another_day_is_given_nothing(engine: sa.Engine, days: int) -> None:
    meter = Meter(engine, key_of(engine, comments_per_day=5))
    meter.take("comments", 2)
    with write(engine) as conn:
        conn.execute(key_usage.update().values(started=key_usage.c.started + days * DAY))
    meter.give_back("comments")
    assert used(engine) == 2


def test_many_at_once_give_back_what_they_took(engine: sa.Engine) -> None:
    key = key_of(engine, comments_per_day=1_000)

    def work() -> None:
        for number in range(10):
            meter = Meter(engine, key)
            meter.take("comments", 3)
            if number % 2:
                meter.give_back("comments")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used(engine) == 6 * 5 * 3


@pytest.fixture
def busy() -> list[Exception]:
    """What the model answers with next, in turn; after that it tags."""
    return []


@pytest.fixture
def limited(
    database_url: str, pipeline: models.Pipeline, busy: list[Exception]
) -> Iterator[tuple[TestClient, sa.Engine]]:
    """A client with a key for two comments a day, and where they are counted."""

    def tag(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        if busy:
            raise busy.pop()
        return pipeline.analyze(comments, all_labels=all_labels)

    app = create_app(Settings(model="weightless", database_url=database_url), tag)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers |= bearer(make_key(app.state.parts.engine, "write", comments_per_day=2))
        yield client, app.state.parts.engine


def post(client: TestClient, path: str = "/v1/comments", **headers: str) -> Response:
    return client.post(path, json=TWO, headers=headers)


@pytest.mark.parametrize("path", ["/v1/comments", "/v1/analyze", "/v1/analyze?include=all_labels"])
@pytest.mark.parametrize("error", [ModelBusyError(7), AWAY, RuntimeError("a fault of ours")])
def test_a_request_that_fails_costs_nothing(
    limited: tuple[TestClient, sa.Engine], busy: list[Exception], path: str, error: Exception
) -> None:
    client, engine = limited
    busy.append(error)
    refused = post(client, path)
    assert refused.status_code == (500 if isinstance(error, RuntimeError) else 503)
    assert "ratelimit-remaining" not in refused.headers
    assert used(engine) == 0
    assert [post(client, path).status_code for _ in range(2)] == [200, 429]
    assert used(engine) == 2


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_comments_that_could_not_be_stored_cost_nothing(
    limited: tuple[TestClient, sa.Engine], monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    client, engine = limited
    with monkeypatch.context() as gone:
        gone.setattr(comments, "save", raises)
        assert post(client, **headers).json()["code"] == "database_unavailable"
    assert used(engine) == 0
    assert post(client, **headers).status_code == 200


def test_an_answer_that_could_not_be_kept_costs_nothing(
    limited: tuple[TestClient, sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = limited
    with monkeypatch.context() as gone:
        gone.setattr(once.answers, "keep", raises)
        assert post(client, **{"Idempotency-Key": "k"}).status_code == 503
    again = post(client, **{"Idempotency-Key": "k"}).json()["results"]
    assert [result["outcome"] for result in again] == ["replayed", "replayed"]
    assert used(engine) == 2


def test_an_answer_that_was_kept_costs_nothing(limited: tuple[TestClient, sa.Engine]) -> None:
    client, engine = limited
    answers = [post(client, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[2].headers["idempotency-replayed"] == "true"
    assert used(engine) == 2
    # A new request is refused, also with a key, and may come again with it tomorrow.
    assert post(client, **{"Idempotency-Key": "another"}).status_code == 429
    with write(engine) as conn:
        conn.execute(key_usage.update().values(started=key_usage.c.started - DAY))
    assert post(client, **{"Idempotency-Key": "another"}).status_code == 200
