"""The API as its clients use it: post, get, find, count, erase."""

from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

import models
from service.answers import Analyzed, CommentOut, CommentPage, Taken, TouchpointMetrics, Touchpoints

LATE = {
    "id": "r/1",
    "text": "The driver was friendly but the parcel came late 📦 and nobody told me.",
    "question": "What could we improve?",
    "touchpoint": "delivery",
    "occurred_at": "2026-10-05T09:00:00Z",
    "scores": {"nps": 3, "ces": 2},
    "customer_id": "u_1",
    "metadata": {"region": "north"},
}
EASY = {
    "id": "r2",
    "text": "Checkout was easy.",
    "touchpoint": "order",
    "occurred_at": "2026-10-12T09:00:00Z",
}


def post(client: TestClient, *comments: object, path: str = "/v1/comments") -> Any:
    answer = client.post(path, json={"comments": comments})
    assert answer.status_code == 200
    return answer.json()


def metrics(client: TestClient, touchpoint: str = "*", **query: str) -> Any:
    return client.get(f"/v1/touchpoints/{touchpoint}/metrics", params=query).json()


def fits(shape: Any, answer: Any) -> None:
    """The answer is what the OpenAPI document says, no more and no less."""
    adapter = TypeAdapter(shape)
    again = adapter.dump_python(adapter.validate_python(answer), mode="json", by_alias=True)
    assert _keys(again) == _keys(answer)


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        # `masked` is left out where nothing was to be masked.
        return {name: _keys(part) for name, part in value.items() if (name, part) != ("masked", None)}
    return [_keys(part) for part in value] if isinstance(value, list | tuple) else None


def test_tagging_stores_nothing(client: TestClient) -> None:
    answer = post(client, {"text": LATE["text"]}, path="/v1/analyze")
    (result,) = answer["results"]
    assert result["id"] is None
    assert result["sentiment"]["mixed"]
    for mention in result["issues"] + result["strengths"]:
        for evidence in mention["evidence"]:
            assert str(LATE["text"])[evidence["start"] : evidence["end"]] == evidence["text"]
    assert metrics(client)["n"] == 0
    fits(Analyzed, answer)


def test_labels_under_their_threshold_on_request(client: TestClient, pipeline: models.Pipeline) -> None:
    body = {"comments": [{"text": "Checkout was easy."}]}
    (few,) = client.post("/v1/analyze", json=body).json()["results"]
    (all_,) = client.post("/v1/analyze?include=all_labels", json=body).json()["results"]
    assert len(all_["issues"]) + len(all_["strengths"]) == len(pipeline.taxonomy.labels)
    assert len(few["issues"]) + len(few["strengths"]) < 5


def test_a_comment_that_was_sent_can_be_read_again(client: TestClient) -> None:
    answer = post(client, LATE, EASY)
    fits(Taken, answer)
    assert [result["outcome"] for result in answer["results"]] == ["created", "created"]
    stored = client.get(f"/v1/comments/{quote('r/1', safe='')}").json()
    fits(CommentOut, stored)
    assert {name: stored[name] for name in LATE if name != "scores"} == {
        name: value for name, value in LATE.items() if name != "scores"
    }
    assert stored["scores"] == {"nps": 3, "csat": None, "ces": 2}
    assert stored["touchpoints"] == [{"id": "delivery", "inferred": False}]
    result = answer["results"][0]
    assert stored["analysis"] == {name: value for name, value in result.items() if name != "outcome"}


def test_the_same_again_is_a_replay_and_counts_nothing(client: TestClient) -> None:
    first = post(client, LATE)["results"][0]
    again = post(client, LATE)["results"][0]
    assert again == first | {"outcome": "replayed"}
    assert metrics(client)["n"] == 1


def test_without_a_time_the_same_again_is_a_replay_too(client: TestClient) -> None:
    timeless = {"id": "t", "text": "Fine."}
    assert [post(client, timeless)["results"][0]["outcome"] for _ in range(2)] == ["created", "replayed"]
    assert client.get("/v1/comments/t").json()["occurred_at_given"] is False


def test_other_content_replaces_and_moves_the_metrics(client: TestClient) -> None:
    post(client, LATE)
    moved = LATE | {"touchpoint": "order", "scores": {"nps": 10}}
    assert post(client, moved)["results"][0]["outcome"] == "replaced"
    assert metrics(client)["n"] == 1
    assert metrics(client, "order")["nps"]["n"] == 1
    assert client.get("/v1/touchpoints/delivery/metrics").status_code == 404


def test_one_bad_comment_does_not_spoil_the_others(client: TestClient) -> None:
    raw = b'{"comments":[{"id":"a","text":"good"},{"id":"b","text":"\\ud800"},{"id":"c","text":"\xf0\x9f\x91\x8d"}]}'
    answer = client.post("/v1/comments", content=raw).json()
    assert [result["id"] for result in answer["results"]] == ["a", "c"]
    (error,) = answer["errors"]
    assert error == {
        "id": "b",
        "index": 1,
        "code": "invalid_text",
        "field": "text",
        "detail": "text: holds a lone surrogate, which is no character",
    }
    assert client.get("/v1/comments/b").status_code == 404


def test_not_analysed_and_no_content_are_two_things(client: TestClient) -> None:
    answer = post(
        client, {"id": "e", "text": "👍👍"}, {"id": "n", "text": "n/a"}, {"id": "b", "text": "  \x07 "}
    )
    assert [(r["status"], r["no_content"]) for r in answer["results"]] == [
        ("not_analyzed", False),
        ("analyzed", True),
        ("analyzed", True),
    ]
    total = metrics(client)
    assert (total["n"], total["analyzed"], total["not_analyzed"], total["no_content"]) == (3, 2, 1, 2)


def test_comments_are_found_page_by_page(client: TestClient) -> None:
    days = [EASY | {"id": f"p{day}", "occurred_at": f"2026-10-{day:02}T09:00:00Z"} for day in range(1, 6)]
    post(client, *days, LATE)
    found, cursor = [], ""
    while cursor is not None:
        page = client.get("/v1/comments", params={"touchpoint": "order", "limit": 2, "cursor": cursor}).json()
        fits(CommentPage, page)
        found += [comment["id"] for comment in page["comments"]]
        cursor = page["next_cursor"]
    assert found == ["p5", "p4", "p3", "p2", "p1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("strength=easy_to_use", ["r2"]),
        ("issue=unmet_expectations", ["r/1"]),
        ("issue=unmet_expectations&touchpoint=order", []),
        ("sentiment=positive", ["r2"]),
        ("empathy=none", ["r2"]),
        ("from=2026-10-06", ["r2"]),
        ("to=2026-10-12", ["r/1"]),
        ("q=PARCEL", ["r/1"]),
        ("q=%25", []),
        ("where=channel%3Dapp", []),
        ("where=metadata.tier%3Dgold", ["r3"]),
        ("where=metadata.tier%3Dgold&sentiment=negative", []),
        ("q=&issue=&sentiment=", ["r2", "r/1"]),
    ],
)
def test_filters(client: TestClient, query: str, found: list[str]) -> None:
    post(client, LATE, EASY)
    if "tier" in query:
        post(client, EASY | {"id": "r3", "metadata": {"tier": "gold"}})
    assert [comment["id"] for comment in client.get(f"/v1/comments?{query}").json()["comments"]] == found


def test_an_erased_comment_leaves_the_metrics(client: TestClient) -> None:
    post(client, LATE, EASY, EASY | {"id": "r3", "customer_id": "u_1"})
    assert client.delete("/v1/comments/r2").status_code == 204
    assert client.delete("/v1/comments/r2").json()["code"] == "unknown_comment"
    assert client.delete("/v1/comments", params={"customer_id": "u_1"}).json() == {"deleted": 2}
    assert metrics(client)["n"] == 0


@pytest.mark.parametrize("query", ["", "?customer_id=", "?customer=u_1", "?customer_id=u_1&customer_id=u_2"])
def test_nothing_is_erased_unless_a_customer_is_named(client: TestClient, query: str) -> None:
    post(client, LATE)
    assert client.delete(f"/v1/comments{query}").status_code == 422
    assert metrics(client)["n"] == 1


@pytest.mark.parametrize("beside", ["touchpoint=support", "to=2020-01-01", "customer=u_1"])
def test_a_customer_cannot_be_erased_in_part(client: TestClient, beside: str) -> None:
    post(client, EASY | {"customer_id": "u_1"})
    answer = client.delete(f"/v1/comments?customer_id=u_1&{beside}")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
    assert metrics(client)["n"] == 1


def test_touchpoints_and_their_metrics(client: TestClient) -> None:
    post(client, LATE, EASY, {"id": "i", "text": "The app crashes", "occurred_at": "2026-10-20T09:00:00Z"})
    everything = client.get("/v1/touchpoints").json()
    fits(Touchpoints, everything)
    assert {one["touchpoint"] for one in everything["touchpoints"]} == {"delivery", "order", "digital"}
    assert everything["total"]["n"] == 3
    weekly = metrics(client, grain="week", **{"from": "2026-10-01", "to": "2026-10-15"})
    fits(TouchpointMetrics, weekly)
    assert [(one["from"], one["n"]) for one in weekly["series"]] == [("2026-10-05", 1), ("2026-10-12", 1)]
    assert weekly["low_base"]
    assert weekly["nps"] == {"value": None, "ci95": None, "n": 1}


def test_what_is_in_force(client: TestClient, pipeline: models.Pipeline) -> None:
    assert len(client.get("/v1/taxonomy").json()["themes"]) == len(pipeline.taxonomy.themes)
    (model,) = client.get("/v1/models").json()["models"]
    assert model["version"] == pipeline.version
    limits = client.get("/v1/limits").json()
    assert (limits["text"], limits["body_bytes"]) == (models.MAX_TEXT, 100_000)


def test_health_and_numbers_for_the_operator(client: TestClient) -> None:
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    post(client, LATE, {"id": "bad"})
    client.get("/v1/comments/some-id")
    text = client.get("/metrics").text
    assert 'listenwell_http_requests_total{method="GET",route="/v1/comments/{id:path}",status="404"}' in text
    assert 'listenwell_comments_total{door="comments",status="refused"}' in text
    assert "some-id" not in text


def test_the_openapi_document_is_whole(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    text = client.get("/openapi.json").text
    for name in ("CommentIn", "Problem", "TouchpointMetrics"):
        assert name in document["components"]["schemas"]
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])
    assert "ScoresIn" in references
    assert set(document["paths"]["/v1/comments"]) == {"get", "post", "delete"}
