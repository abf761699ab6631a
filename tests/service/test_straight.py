"""The straight way to `POST /v1/analyze` answers and refuses as the route itself, which calls with a query take."""

from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from tests.keys import bearer, make_key

STRAIGHT = "/v1/analyze"
COMMENT = {"id": "a", "text": "Agent was kind but nobody ever fixed my bill."}
GOOD = b'{"comments": [{"id": "a", "text": "Agent was kind."}, {"text": 3}]}'


@pytest.fixture(params=[STRAIGHT, "/v1/analyze?include=all_labels"])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shape(answer: Any) -> tuple[int, set[str], Any]:
    """Status, names of the headers, and what is the same each time of the body."""
    body = answer.json()
    told = body.get("detail") or [sorted(one) for one in (*body["results"], *body["errors"])]
    return answer.status_code, set(answer.headers), (sorted(body), body.get("code"), told)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (GOOD, {}, 200),
        (b'{"comments": []}', {}, 200),
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"[]", {}, 422),
        (b'{"comments": [], "more": 1}', {}, 422),
        (b'{"comments": [%s]}' % b",".join([b"1"] * 501), {}, 413),
        (b"x" * 100_001, {}, 413),
        (GOOD, {"sec-fetch-site": "cross-site"}, 403),
        (GOOD, {"authorization": "Bearer nonsense"}, 401),
    ],
)
def test_both_ways_answer_alike(
    client: TestClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    straight, route = (
        client.post(path, content=body, headers=headers)
        for path in (STRAIGHT, "/v1/analyze?include=all_labels")
    )
    assert shape(straight) == shape(route)
    assert straight.status_code == status


def test_both_ways_ask_for_a_key_and_count_its_comments(
    client: TestClient, engine_of: sa.Engine, path: str
) -> None:
    assert client.post(path, json={"comments": [COMMENT]}).status_code == 200
    key = bearer(make_key(engine_of, "read", comments_per_day=1))
    assert client.post(path, json={"comments": [COMMENT]}).status_code == 401
    assert client.post(path, json={"comments": [COMMENT]}, headers=key).status_code == 200
    refused = client.post(path, json={"comments": [COMMENT]}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1


def test_both_ways_are_counted_under_one_route(client: TestClient, path: str) -> None:
    def counted() -> float:
        lines = client.get("/metrics").text.splitlines()
        series = 'listenwell_http_requests_total{method="POST",route="/v1/analyze",status="200"}'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))

    before = counted()
    assert client.post(path, json={"comments": [COMMENT]}).status_code == 200
    assert counted() == before + 1


def test_other_methods_and_addresses_are_the_frameworks(client: TestClient) -> None:
    assert client.get(STRAIGHT).status_code == 405
    assert client.post("/v1/analyze/x", json={}).status_code in (404, 405)
    wrong = client.post("/v1/analyze?include=nonsense", json={"comments": []})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_value")
