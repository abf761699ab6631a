"""Limits of a key: requests a minute and comments a day, one count for all processes."""

import threading

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from models import InputError
from service.database import read, write
from service.keys import repository
from service.keys.key import parse
from service.keys.limits import Meter
from service.keys.tables import key_usage
from tests.keys import bearer, make_key

DAY = 86_400


def take(engine: sa.Engine, id: str, amount: int = 1, *, most: int = 5, seconds: int = DAY) -> int | None:
    """How much is counted then, or None if it was refused."""
    with write(engine) as conn:
        usage = repository.take(conn, id, "requests", amount, most=most, seconds=seconds)
    return usage.used if usage else None


@pytest.fixture
def id(engine: sa.Engine) -> str:
    return make_key(engine, "read").split("_")[1]


def test_no_more_than_the_limit_is_taken(engine: sa.Engine, id: str) -> None:
    assert [take(engine, id) for _ in range(7)] == [1, 2, 3, 4, 5, None, None]


def test_what_is_refused_is_not_counted(engine: sa.Engine, id: str) -> None:
    assert [take(engine, id, amount) for amount in (4, 2, 1, 1)] == [4, None, 5, None]


def test_a_new_window_begins_with_nothing(engine: sa.Engine, id: str) -> None:
    for _ in range(5):
        take(engine, id)
    with write(engine) as conn:
        conn.execute(key_usage.update().values(started=key_usage.c.started - DAY))
    assert take(engine, id) == 1


def test_a_clock_that_was_set_back_gives_nothing_away(engine: sa.Engine, id: str) -> None:
    for _ in range(5):
        take(engine, id)
    with write(engine) as conn:
        conn.execute(key_usage.update().values(started=key_usage.c.started + DAY))
    assert take(engine, id) is None


def test_keys_and_measures_are_counted_apart(engine: sa.Engine, id: str) -> None:
    other = make_key(engine, "read").split("_")[1]
    assert [take(engine, one) for one in (id, other, id)] == [1, 1, 2]
    with write(engine) as conn:
        usage = repository.take(conn, id, "comments", 3, most=5, seconds=DAY)
    assert usage is not None
    assert usage.used == 3


def test_many_at_once_share_one_count(engine: sa.Engine, id: str) -> None:
    taken: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: taken.extend([take(engine, id, most=20) for _ in range(8)]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(count for count in taken if count is not None) == list(range(1, 21))
    assert len(taken) == 48


def test_usage_is_told_without_being_counted(engine: sa.Engine, id: str) -> None:
    take(engine, id, 2)
    with read(engine) as conn:
        usages = [repository.usage(conn, id, "requests", seconds=DAY) for _ in range(2)]
        nothing = repository.usage(conn, id, "comments", seconds=DAY)
    assert [usage.used for usage in usages] == [2, 2]
    assert 0 < usages[0].ends_in <= DAY
    assert nothing.used == 0
    assert 0 < nothing.ends_in <= DAY


def test_a_meter_without_a_key_has_no_limit() -> None:
    Meter().take("comments", 10**9)


@pytest.fixture
def clock_stands_still(engine_of: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no minute ends within a test."""
    monkeypatch.setattr(repository, "_seconds", lambda conn: sa.literal(1_800_000_010, sa.BigInteger))


@pytest.mark.usefixtures("clock_stands_still")
def test_requests_a_minute(client: TestClient, engine_of: sa.Engine) -> None:
    headers = bearer(make_key(engine_of, "read", requests_per_minute=2))
    answers = [client.get(path, headers=headers) for path in ("/v1/touchpoints", "/v1/nothing", "/v1/limits")]
    assert [answer.status_code for answer in answers] == [200, 404, 429]
    told = [
        [answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
        for answer in answers
    ]
    assert told == [["2", "1", "50"], ["2", "0", "50"], ["2", "0", "50"]]
    assert answers[2].json()["code"] == "rate_limited"
    assert answers[2].headers["retry-after"] == "50"
    assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.usefixtures("clock_stands_still")
@pytest.mark.parametrize("path", ["/v1/comments", "/v1/analyze"])
def test_comments_a_day(client: TestClient, engine_of: sa.Engine, path: str) -> None:
    headers = bearer(make_key(engine_of, "write", comments_per_day=3))

    def send(number: int) -> tuple[int, str]:
        body = {"comments": [{"id": f"c{i}", "text": "Fine."} for i in range(number)]}
        answer = client.post(path, json=body, headers=headers)
        return answer.status_code, answer.headers.get("ratelimit-remaining", "")

    assert [send(number) for number in (2, 2, 0, 1, 1, 4)] == [
        (200, "1"),
        (429, "1"),
        (200, ""),
        (200, "0"),
        (429, "0"),
        (413, ""),
    ]
    # Reading is not sending.
    assert client.get("/v1/touchpoints", headers=headers).status_code == 200


@pytest.mark.usefixtures("clock_stands_still")
def test_a_window_that_nothing_was_counted_in_ends_when_the_others_do(engine: sa.Engine, id: str) -> None:
    with read(engine) as conn:
        usage = repository.usage(conn, id, "requests", seconds=60)
    assert usage == (0, 50, 0)


def test_a_key_without_limits_writes_nothing(client: TestClient, engine_of: sa.Engine) -> None:
    key = make_key(engine_of, "write")
    answer = client.post("/v1/analyze", json={"comments": [{"text": "Fine."}]}, headers=bearer(key))
    assert not [name for name in answer.headers if name.startswith("ratelimit")]
    with read(engine_of) as conn:
        assert conn.execute(sa.select(key_usage)).all() == []


def test_who_is_refused_is_told_what_is_left(engine: sa.Engine) -> None:
    text = parse(make_key(engine, "write", comments_per_day=10))
    assert text is not None
    with read(engine) as conn:
        found = repository.find(conn, text.id)
    assert found is not None
    meter = Meter(engine, found[0])
    meter.take("comments", 8)
    with pytest.raises(InputError, match=r"5 comments, 2 are left of this key's 10 comments a day") as caught:
        meter.take("comments", 5)
    assert caught.value.code == "rate_limited"
