"""`Idempotency-Key` and `ETag`: the same request twice, and two clients at one comment."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import Response
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from service.analyse import Desk, Results
from service.database import read, write
from service.etags import matches
from service.housekeeping import sweep
from service.idempotency.once import answer_once
from service.idempotency.tables import idempotency, idempotency_comment
from service.privacy.erasing import erase_comment, erase_customer
from service.settings import Settings

COMMENT = {"id": "c1", "text": "Agent was kind but nobody ever fixed my bill.", "customer_id": "u1"}
KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
def desk(engine: Engine, pipeline: models.Pipeline) -> Desk:
    return Desk(engine, pipeline.analyze, Settings(model="weightless"))


def post(client: TestClient, *comments: object, **headers: str) -> Response:
    return client.post("/v1/comments", json={"comments": comments}, headers=KEY | headers)


def rows(engine: Engine, table: sa.Table) -> list[Any]:
    with read(engine) as conn:
        return list(conn.execute(sa.select(table)))


def test_sent_again_it_is_the_same_answer(client: TestClient) -> None:
    first = post(client, COMMENT, {"text": "no id"})
    again = post(client, COMMENT, {"text": "no id"})
    assert first.content == again.content
    assert again.json()["results"][0]["outcome"] == "created"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert client.get("/v1/touchpoints").json()["total"]["n"] == 1


def test_with_another_body_it_is_refused_and_nothing_happens(client: TestClient) -> None:
    post(client, COMMENT)
    refused = post(client, COMMENT | {"id": "c2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_conflict")
    assert client.get("/v1/comments/c2").status_code == 404
    assert post(client, COMMENT | {"id": "c2"}, **{"Idempotency-Key": "k-2"}).status_code == 200


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ü".encode()])
def test_a_key_must_be_fit(client: TestClient, key: Any) -> None:
    answer = post(client, COMMENT, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
    assert answer.json()["detail"].startswith("Idempotency-Key")


def test_a_body_that_cannot_be_read_does_not_use_up_the_key(client: TestClient) -> None:
    assert client.post("/v1/comments", content=b"{", headers=KEY).status_code == 400
    assert post(client, COMMENT).status_code == 200


def test_a_crash_before_the_answer_was_kept_is_harmless(engine: Engine, desk: Desk) -> None:
    def crashes() -> Results:
        desk.record([COMMENT])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer_once(engine, "default", "k", b"request", crashes)
    answer, kept = answer_once(engine, "default", "k", b"request", lambda: desk.record([COMMENT]))
    assert not kept
    assert '"outcome":"replayed"' in answer
    assert answer_once(engine, "default", "k", b"request", Results) == (answer, True)


def test_two_at_once_get_the_work_done_and_one_answer_stays(engine: Engine, desk: Desk) -> None:
    def another_comes_between() -> Results:
        answer_once(engine, "default", "k", b"request", lambda: desk.record([COMMENT]))
        return desk.record([COMMENT])

    first = answer_once(engine, "default", "k", b"request", another_comes_between)
    assert first == answer_once(engine, "default", "k", b"request", Results)
    assert first[1]
    assert '"outcome":"created"' in first[0]


def test_what_may_succeed_next_time_is_not_kept(engine: Engine) -> None:
    failed = Results(errors=[{"id": "a", "index": 0, "code": "not_stored", "field": "id", "detail": ""}])
    assert answer_once(engine, "default", "k", b"r", lambda: failed)[1] is False
    answer, kept = answer_once(engine, "default", "k", b"r", Results)
    assert (answer, kept) == ('{"results":[],"errors":[]}', False)


def test_tenants_do_not_share_keys(engine: Engine, desk: Desk) -> None:
    answer_once(engine, "a", "k", b"one", lambda: desk.record([COMMENT], tenant="a"))
    assert answer_once(engine, "b", "k", b"two", lambda: desk.record([COMMENT], tenant="b"))[1] is False


def test_after_a_day_a_key_is_free_again(engine: Engine, desk: Desk) -> None:
    answer_once(engine, "default", "k", b"one", lambda: desk.record([COMMENT]))
    with write(engine) as conn:
        created = conn.execute(sa.select(idempotency.c.created_at)).scalar_one()
        conn.execute(idempotency.update().values(created_at=created - timedelta(hours=25)))
    assert answer_once(engine, "default", "k", b"two", Results)[1] is False
    with write(engine) as conn:
        conn.execute(idempotency.update().values(created_at=created - timedelta(hours=25)))
    sweep(engine)
    assert rows(engine, idempotency) == rows(engine, idempotency_comment) == []


def test_an_answer_does_not_outlive_its_comment(engine: Engine, desk: Desk) -> None:
    def ask(key: str, id: str) -> str:
        item = COMMENT | {"id": id, "customer_id": id}
        return answer_once(engine, "default", key, id.encode(), lambda: desk.record([item]))[0]

    kept = {key: ask(key, id) for key, id in (("k1", "c1"), ("k2", "c2"), ("k3", "c3"))}
    with write(engine) as conn:
        assert erase_comment(conn, "default", "c1", "test")
        assert erase_customer(conn, "default", "c2", "test") == 1
    assert [row.body for row in rows(engine, idempotency) if row.body] == [kept["k3"]]
    for key, id in (("k1", "c1"), ("k2", "c2")):
        with pytest.raises(models.InputError) as caught:
            ask(key, id)
        assert caught.value.code == "erased"
    assert ask("k3", "c3") == kept["k3"]


def test_a_comment_erased_while_its_answer_is_made_is_not_kept_in_it(engine: Engine, desk: Desk) -> None:
    def erased_meanwhile() -> Results:
        results = desk.record([COMMENT])
        with write(engine) as conn:
            erase_comment(conn, "default", "c1", "test")
        return results

    answer_once(engine, "default", "k", b"r", erased_meanwhile)
    assert [row.body for row in rows(engine, idempotency)] == [None]

    with pytest.raises(models.InputError, match="erased since"):
        answer_once(engine, "default", "k", b"r", Results)


@pytest.mark.parametrize("said", ["c1", "nobody"])
def test_what_was_erased_stays_so_where_the_first_answer_was_lost(
    engine: Engine, desk: Desk, said: str
) -> None:
    def crashes() -> Results:
        desk.record([COMMENT])
        raise KeyboardInterrupt

    def ask(work: Any) -> tuple[str, bool]:
        return answer_once(engine, "default", "k", b"r", work, [said])

    with pytest.raises(KeyboardInterrupt):
        ask(crashes)
    with write(engine) as conn:
        erase_customer(conn, "default", "u1", "test")
    if said == "nobody":
        assert ask(Results) == ('{"results":[],"errors":[]}', False)
        return
    with pytest.raises(models.InputError, match="erased since"):
        ask(Results)
    assert rows(engine, idempotency_comment) == []


def test_an_id_that_cannot_be_one_is_told_and_not_stored(client: TestClient) -> None:
    odd = [{"id": id, "text": "fine"} for id in ("x" * 129, "", "a\0b", 7, None, "good")]
    answer = post(client, *odd, "no object")
    assert [one["id"] for one in answer.json()["results"]] == ["good"]
    assert len(answer.json()["errors"]) == 6


def test_a_late_retry_does_not_bring_back_what_was_erased(client: TestClient) -> None:
    post(client, COMMENT)
    client.delete("/v1/comments/c1")
    answer = post(client, COMMENT)
    assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    assert client.get("/v1/comments/c1").status_code == 404


@pytest.fixture
def stored(client: TestClient) -> TestClient:
    post(client, COMMENT)
    return client


def test_what_has_not_changed_is_not_sent_again(stored: TestClient) -> None:
    first = stored.get("/v1/comments/c1")
    tag = first.headers["etag"]
    assert stored.get("/v1/comments/c1").headers["etag"] == tag
    for header in (tag, f'W/{tag}, "x"', "*"):
        again = stored.get("/v1/comments/c1", headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert stored.get("/v1/comments/c1", headers={"If-None-Match": '"x"'}).json() == first.json()


def test_only_what_was_read_is_erased(stored: TestClient) -> None:
    old = stored.get("/v1/comments/c1").headers["etag"]
    body = {"comments": [COMMENT | {"text": "Better now."}]}
    stored.post("/v1/comments", json=body)
    refused = stored.delete("/v1/comments/c1", headers={"If-Match": old})
    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
    new = stored.get("/v1/comments/c1").headers["etag"]
    assert new != old
    assert stored.delete("/v1/comments/c1", headers={"If-Match": f'"x", {new}'}).status_code == 204
    assert stored.delete("/v1/comments/c1", headers={"If-Match": new}).status_code == 404


@pytest.mark.parametrize(
    ("header", "strong", "weak"),
    [('"a"', True, True), ('W/"a"', False, True), ('"b", "a"', True, True), ("*", True, True)]
    + [(header, False, False) for header in ("", "a", '"b"', '"a', "junk, ,")],
)
def test_how_tags_are_compared(header: str, strong: bool, weak: bool) -> None:
    assert (matches(header, '"a"'), matches(header, '"a"', weak=True)) == (strong, weak)
