"""A person's labels over the model's: what counts, what stays beside it, what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models import Analysis
from service import repository
from service.answers import CommentOut, CorrectedOut, CorrectionPage
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.corrections.in_force import in_force
from service.corrections.tables import correction as table
from service.database import alembic_config, migrate, read, write
from service.events import webhook_repository
from service.events.signing import new_secret
from service.events.tables import event
from service.records import CommentRecord, Outdated
from tests.keys import bearer, make_key
from tests.recount import assert_exact

BILL = {"id": "b", "text": "Agent was kind but nobody ever fixed my bill.", "touchpoint": "support"}
SLOW = {
    "labels": {"add": [{"id": "inadequate_support", "evidence": [{"start": 19, "end": 45}]}], "remove": []},
    "sentiment": "negative",
    "actor": "anna",
    "note": "Nobody is a lack of support.",
}
PATH = "/v1/comments/b/corrections"


def post(client: TestClient, *comments: dict[str, Any]) -> None:
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]


def counts(client: TestClient) -> dict[str, int]:
    metrics = client.get("/v1/touchpoints/support/metrics").json()
    return {
        one["id"]: one["observed"]["count"]
        for one in [*metrics["issues"], *metrics["strengths"]]
        if one["observed"]["count"]
    }


def fits(model: Any, answer: dict[str, Any]) -> None:
    assert set(answer) <= set(model.model_fields)
    model.model_validate(answer)


def test_a_correction_counts_at_once_and_the_models_word_stays(client: TestClient, engine_of: Engine) -> None:
    post(client, BILL)
    before = client.get("/v1/comments/b").json()
    assert (before["corrections"], before["labels"]["issues"]) == (
        [],
        [{"id": "unresolved_issue", "by": "model"}],
    )
    answer = client.post(
        PATH, json=SLOW | {"labels": SLOW["labels"] | {"remove": ["caring_treatment", "helpful_support"]}}
    )
    assert answer.status_code == 200
    fits(CorrectedOut, answer.json())
    after = client.get("/v1/comments/b").json()
    fits(CommentOut, after)
    assert after["analysis"] == before["analysis"]
    assert answer.headers["etag"] == client.get("/v1/comments/b").headers["etag"]
    assert after["labels"]["issues"] == [
        {"id": "unresolved_issue", "by": "model"},
        {"id": "inadequate_support", "by": "person"},
    ]
    # No empathy without a label of it, and not mixed without a strength.
    assert (after["labels"]["strengths"], after["labels"]["empathy"]) == ([], None)
    assert (after["labels"]["sentiment"]["by"], after["labels"]["sentiment"]["mixed"]) == ("person", False)
    (said,) = after["corrections"]
    assert said["labels"]["add"][0]["evidence"] == [
        {"start": 19, "end": 45, "text": "nobody ever fixed my bill."}
    ]
    assert (said["actor"], said["note"], said["source"]) == ("anna", SLOW["note"], "api")
    assert counts(client) == {"unresolved_issue": 1, "inadequate_support": 1}
    story = client.get("/all").text
    assert '<mark class="issue" title="Inadequate support">nobody ever fixed my bill.</mark>' in story
    assert '<mark class="issue" title="Difficulty in resolving issues">' in story
    assert [one["id"] for one in client.get("/v1/comments?issue=inadequate_support").json()["comments"]] == [
        "b"
    ]
    assert client.get("/v1/comments?strength=caring_treatment").json()["comments"] == []
    with read(engine_of) as conn:
        assert_exact(conn)


def test_the_same_again_changes_nothing_and_a_key_brings_the_first_answer(client: TestClient) -> None:
    post(client, BILL, BILL | {"id": "c"})
    tag = client.get("/v1/comments/b").headers["etag"]
    headers = {"idempotency-key": "k", "if-match": tag}
    first = client.post(PATH, json=SLOW, headers=headers)
    assert client.post(PATH, json=SLOW, headers=headers).headers["idempotency-replayed"] == "true"
    # Without the key as well, even though what If-Match names is gone by the first attempt itself.
    again = client.post(PATH, json=SLOW, headers={"if-match": tag})
    assert (again.status_code, again.json()["outcome"]) == (200, "replayed")
    assert again.json()["correction"] == first.json()["correction"]
    assert len(client.get("/v1/corrections").json()["corrections"]) == 1
    other = client.post("/v1/comments/c/corrections", json=SLOW, headers={"idempotency-key": "k"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    stale = client.post(PATH, json=SLOW | {"actor": "ben"}, headers={"if-match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")


def quoting(start: int, end: int) -> dict[str, Any]:
    return {"labels": {"add": [{"id": "easy_to_use", "evidence": [{"start": start, "end": end}]}]}}


@pytest.mark.parametrize(
    ("id", "body", "status", "code"),
    [
        ("b", {"labels": {"add": ["slow_food"]}}, 422, "unknown_label"),
        ("b", {"labels": {"remove": ["\x00"]}}, 422, "unknown_label"),
        ("b", {"labels": {"add": ["easy_to_use"], "remove": ["easy_to_use"]}}, 422, "contradictory_labels"),
        ("b", {"labels": {"add": ["easy_to_use", "easy_to_use"]}}, 422, "contradictory_labels"),
        ("b", {"labels": {}}, 422, "empty_correction"),
        ("b", {}, 422, "empty_correction"),
        ("b", [], 422, "invalid_type"),
        ("b", {"sentiment": "angry"}, 422, "invalid_value"),
        ("b", {"sentiment": None}, 422, "invalid_value"),
        ("b", {"sentiment": True}, 422, "invalid_value"),
        ("b", {"empathy": 3}, 422, "invalid_value"),
        ("b", {"intent": "revenge"}, 422, "unknown_label"),
        ("b", {"intent": "praise", "actor": ""}, 422, "invalid_value"),
        ("b", {"intent": "praise", "actor": "a" * 129}, 422, "invalid_value"),
        ("b", {"intent": "praise", "note": "\x00"}, 422, "invalid_text"),
        ("b", {"intent": "praise", "note": "\ud800"}, 422, "invalid_text"),
        ("b", {"intent": "praise", "mood": 1}, 422, "unknown_field"),
        ("b", quoting(3, 46), 422, "invalid_evidence"),
        ("b", quoting(3, 3), 422, "invalid_evidence"),
        ("b", quoting(-1, 3), 422, "out_of_range"),
        ("nobody", {"intent": "praise"}, 404, "unknown_comment"),
        ("gone", {"intent": "praise"}, 404, "unknown_comment"),
        ("emoji", {"intent": "praise"}, 409, "not_analyzed"),
    ],
)
def test_what_is_refused(client: TestClient, id: str, body: Any, status: int, code: str) -> None:
    post(client, BILL, {"id": "emoji", "text": "👍👍"}, BILL | {"id": "gone"})
    client.delete("/v1/comments/gone")
    # Not the client's own encoder, which refuses half a character.
    answer = client.post(f"/v1/comments/{id}/corrections", content=json.dumps(body))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/v1/corrections").json()["corrections"] == []
    assert "bill" not in answer.text


def test_a_body_that_is_no_json(client: TestClient) -> None:
    assert client.post(PATH, content=b"{").json()["code"] == "invalid_json"


def test_corrections_are_listed_page_by_page(client: TestClient) -> None:
    post(client, BILL)
    for number in range(5):
        client.post(PATH, json={"sentiment": number - 2, "actor": f"p{number % 2}"})
    found, cursor = [], ""
    while cursor is not None:
        page = client.get("/v1/corrections", params={"limit": 2, "cursor": cursor}).json()
        fits(CorrectionPage, page)
        found += [one["sentiment"] for one in page["corrections"]]
        cursor = page["next_cursor"]
    assert found == [2, 1, 0, -1, -2]
    assert len(client.get("/v1/corrections?actor=p1").json()["corrections"]) == 2
    assert client.get("/v1/corrections?cursor=x").json()["code"] == "invalid_cursor"


def test_another_tenant_and_a_reader_cannot_correct(client: TestClient, engine_of: Engine) -> None:
    ours, theirs, reader = (
        bearer(make_key(engine_of, scope, tenant=tenant))
        for scope, tenant in (("write", "ours"), ("write", "theirs"), ("read", "ours"))
    )
    client.post("/v1/comments", json={"comments": [BILL]}, headers=ours)
    assert client.post(PATH, json=SLOW, headers=theirs).json()["code"] == "unknown_comment"
    assert client.post(PATH, json=SLOW, headers=reader).json()["code"] == "forbidden"
    named = client.post(PATH, json={"intent": "praise"}, headers=ours).json()["correction"]
    assert named["actor"].startswith("key ")
    assert client.get("/v1/corrections", headers=theirs).json()["corrections"] == []


def test_erasing_takes_them_along_and_new_words_have_none(client: TestClient, engine_of: Engine) -> None:
    post(client, BILL)
    client.post(PATH, json=SLOW)
    # The same words with another score are still what was read.
    post(client, BILL | {"scores": {"nps": 2}})
    assert len(client.get("/v1/comments/b").json()["corrections"]) == 1
    assert "inadequate_support" in counts(client)
    post(client, BILL | {"text": "Nobody ever fixed my bill."})
    assert client.get("/v1/comments/b").json()["corrections"] == []
    assert "inadequate_support" not in counts(client)
    client.post(PATH, json={"sentiment": -2})
    client.delete("/v1/comments/b")
    with read(engine_of) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(table)) == 0
        assert_exact(conn)


def test_other_systems_are_told(client: TestClient, engine_of: Engine) -> None:
    post(client, BILL)
    with write(engine_of) as conn:
        webhook_repository.add(
            conn, "default", "https://example.com/h", ("comment.corrected",), new_secret(), False
        )
    client.post(PATH, json=SLOW)
    client.post(PATH, json=SLOW)
    with read(engine_of) as conn:
        (body,) = conn.scalars(sa.select(event.c.body))
    assert '"added":["inadequate_support"]' in body
    assert "fixed" not in body


def test_a_new_model_does_not_overrule_a_person(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    record = make_record()
    with write(engine) as conn:
        repository.save(conn, record, make_analysis(issues=["poor_communication"]), record.occurred_at)
    said = {"labels": {"add": ["easy_to_use"], "remove": ["poor_communication"]}, "empathy": 2}
    with write(engine) as conn:
        correct(conn, "default", "c1", read_correction(said, models.load("weightless").taxonomy, "anna"))
    later = make_analysis(issues=["poor_communication", "unmet_expectations"], version="m2")
    with write(engine) as conn:
        key = repository.outdated(conn, "default", "m2", 5)[0].key
        repository.reanalyze(conn, [(Outdated(key, record, record.digest, "m1"), later)])
    with read(engine) as conn:
        assert_exact(conn)
        stored = repository.get(conn, "default", "c1")
    assert stored is not None
    assert [one["id"] for one in stored.labels["issues"]] == ["unmet_expectations"]
    assert [one["id"] for one in stored.labels["strengths"]] == ["easy_to_use"]
    assert stored.labels["empathy"] == {"score": 1.0, "by": "person"}
    assert stored.analysis["model_version"] == "m2"


def test_going_back_counts_the_models_labels(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    """The sums after the downgrade are those before the correction."""
    record = make_record(touchpoint="order")
    analysis = make_analysis(issues=["poor_communication"], sentiment=-0.5)
    with write(engine) as conn:
        repository.save(conn, record, analysis, record.occurred_at)
        before = repository.measures(conn, "default")
    said = {"labels": {"add": ["caring_treatment"], "remove": ["poor_communication"]}, "sentiment": 2}
    with write(engine) as conn:
        correct(conn, "default", "c1", read_correction(said, models.load("weightless").taxonomy, "anna"))
        assert repository.measures(conn, "default") != before
    with write(engine) as conn:
        command.downgrade(alembic_config(conn), "0004")
    migrate(engine)
    with read(engine) as conn:
        assert sorted(repository.measures(conn, "default")) == sorted(before)
        assert_exact(conn)


def test_what_is_in_force(make_analysis: Callable[..., Analysis]) -> None:
    model = make_analysis(issues=["lack_of_empathy"], sentiment=-0.9, empathy=-0.6).to_dict()
    for issue in model["issues"]:
        issue["theme"] = "empathy"
    taxonomy = models.load("weightless").taxonomy

    def after(*said: dict[str, Any]) -> dict[str, Any]:
        return in_force(model, [read_correction(one, taxonomy, "anna").said for one in said])

    assert after()["empathy"] == {"score": -0.6, "by": "model"}
    # To agree with the side leaves the strength as the model has it; a level is taken as it is.
    assert after({"sentiment": "negative"})["sentiment"]["score"] == -0.9
    assert after({"sentiment": "positive"})["sentiment"]["score"] == 0.5
    assert after({"sentiment": -1})["sentiment"]["score"] == -0.5
    assert after({"labels": {"remove": ["lack_of_empathy"]}})["empathy"] is None
    both = {"labels": {"add": ["caring_treatment"]}}
    assert after(both)["empathy"] == {"score": -0.6, "by": "model"}
    only = {"labels": {"add": ["caring_treatment"], "remove": ["lack_of_empathy"]}}
    assert after(only)["empathy"] == {"score": 0.5, "by": "person"}
    # The last word counts, and what was found again is not called changed.
    back = after(only, {"labels": {"add": ["lack_of_empathy"], "remove": ["caring_treatment"]}})
    assert (back["added"], back["removed"], back["issues"][0]["by"]) == ([], [], "person")
    # Whoever takes back a "no" has the words that the model found.
    assert back["issues"][0]["evidence"] == model["issues"][0]["evidence"] != []
    assert after({"effort": -1, "loyalty": None})["effort"] == {"score": -1.0, "by": "person"}


def test_categories_of_ones_own(make_analysis: Callable[..., Analysis]) -> None:
    own = models.taxonomy.from_dict(
        {"version": "v", "categories": [{"id": id, "description": id} for id in ("parking", "food")]}
    )
    model = make_analysis(sentiment=None).to_dict()
    said = read_correction({"labels": {"add": ["parking"], "remove": ["food"]}}, own, "anna").said
    assert [one["id"] for one in in_force(model, [said])["categories"]] == ["parking"]
    with pytest.raises(models.CommentError) as caught:
        read_correction({"labels": {"add": ["poor_communication"]}}, own, "anna")
    assert caught.value.code == "unknown_label"


def test_of_categories_that_exclude_each_other_one_is_left(make_analysis: Callable[..., Analysis]) -> None:
    names = ("parking", "food", "staff")
    own = models.taxonomy.from_dict(
        {"version": "v", "exclusive": True, "categories": [{"id": id, "description": id} for id in names]}
    )
    said = read_correction({"labels": {"add": ["food"]}}, own, "anna").said
    assert said["labels"]["remove"] == ["parking", "staff"]
    assert [one["id"] for one in in_force(make_analysis(sentiment=None).to_dict(), [said])["categories"]] == [
        "food"
    ]
    with pytest.raises(models.CommentError) as caught:
        read_correction({"labels": {"add": ["food", "staff"]}}, own, "anna")
    assert caught.value.code == "contradictory_labels"
