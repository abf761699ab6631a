"""Each kind of bad comment becomes an item error with its code and its field; the good ones beside it stay."""

from datetime import UTC, datetime
from typing import Any

import pytest

import models
from service.intake import take

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {"id": "good", "text": "The fitting room was spotless."}


def judge(**fields: object) -> dict[str, Any]:
    """The one error of a comment with these fields, sent between two good ones."""
    items = [GOOD, {"id": "bad", "text": "x", **fields}, GOOD | {"id": "good-2"}]
    intake = take(items, tenant="default", arrived=NOW)
    assert [accepted.index for accepted in intake.accepted] == [0, 2]
    (error,) = intake.errors
    assert error["index"] == 1
    return error


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"text": None}, "invalid_type", "text"),
        ({"text": 7}, "invalid_type", "text"),
        ({"text": "a\0b"}, "invalid_text", "text"),
        ({"text": "broken \ud83d pair"}, "invalid_text", "text"),
        ({"text": "x" * 200_000}, "text_too_long", "text"),
        ({"question": "q" * 1_001}, "invalid_value", "question"),
        ({"question": "\udfff"}, "invalid_text", "question"),
        ({"id": 12}, "invalid_type", "id"),
        ({"id": ""}, "invalid_value", "id"),
        ({"id": "i" * 129}, "invalid_value", "id"),
        ({"id": "a\nb"}, "invalid_value", "id"),
        ({"id": "a\ud800"}, "invalid_text", "id"),
        ({"id": None}, "missing_field", "id"),
        ({"scores": {"nps": "9"}}, "invalid_type", "scores.nps"),
        ({"scores": {"nps": True}}, "invalid_type", "scores.nps"),
        ({"scores": {"nps": 3.5}}, "invalid_type", "scores.nps"),
        ({"scores": {"nps": 11}}, "out_of_range", "scores.nps"),
        ({"scores": {"nps": -1}}, "out_of_range", "scores.nps"),
        ({"scores": {"csat": 0}}, "out_of_range", "scores.csat"),
        ({"scores": {"csat": 6}}, "out_of_range", "scores.csat"),
        ({"scores": {"ces": 0}}, "out_of_range", "scores.ces"),
        ({"scores": {"ces": 8}}, "out_of_range", "scores.ces"),
        ({"scores": {"stars": 5}}, "unknown_field", "scores.stars"),
        ({"scores": [9]}, "invalid_type", "scores"),
        ({"occurred_at": 1_700_000_000}, "invalid_type", "occurred_at"),
        ({"occurred_at": "yesterday"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "2026-11-20"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "2026-11-20T09:12:00"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "2026-02-30T09:12:00Z"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+10:00"}, "invalid_date", "occurred_at"),
        ({"occurred_at": "2026-11-21T12:00:01Z"}, "date_in_future", "occurred_at"),
        ({"touchpoint": "Support Phone"}, "invalid_value", "touchpoint"),
        ({"touchpoint": "*"}, "invalid_value", "touchpoint"),
        ({"touchpoint": "phone\n"}, "invalid_value", "touchpoint"),
        ({"touchpoint": "p" * 65}, "invalid_value", "touchpoint"),
        ({"language": "English!"}, "invalid_value", "language"),
        ({"channel": "c" * 65}, "invalid_value", "channel"),
        ({"customer_id": "u" * 129}, "invalid_value", "customer_id"),
        ({"metadata": ["north"]}, "invalid_type", "metadata"),
        ({"metadata": {"region": {"name": "north"}}}, "invalid_type", "metadata"),
        ({"metadata": {"weight": float("inf")}}, "invalid_value", "metadata"),
        ({"metadata": {"note": "n" * 501}}, "invalid_value", "metadata.note"),
        ({"metadata": {"k" * 65: 1}}, "invalid_value", f"metadata.{'k' * 65}"),
        ({"metadata": {"note": "\ud800"}}, "invalid_text", "metadata.note"),
        ({"metadata": {f"key{i}": i for i in range(51)}}, "invalid_value", "metadata"),
        ({"region": "north"}, "unknown_field", "region"),
    ],
)
def test_a_bad_comment_is_refused_by_name(fields: dict[str, Any], code: str, field: str) -> None:
    error = judge(**fields)
    assert (error["code"], error["field"]) == (code, field)
    assert error["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize("item", [None, 5, "text", ["text"], {}])
def test_what_is_no_comment_at_all(item: object) -> None:
    (error,) = take([item], tenant="default", arrived=NOW).errors
    assert error["code"] == ("missing_field" if item == {} else "invalid_type")
    assert error["id"] is None


def test_a_long_text_is_refused_with_limit_and_length_but_not_quoted() -> None:
    detail = judge(text="secret" * 40_000)["detail"]
    assert "240,000" in detail
    assert f"{models.MAX_TEXT:,}" in detail
    assert "secret" not in detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "bell \x07 and escape \x1b[31m",
        "المتجر نظيف جدا",
        "👍👍🏽👨‍👩‍👧",
        "x" * models.MAX_TEXT,
        "Très bien, merci",
    ],
)
def test_unusual_texts_are_taken_as_they_are(text: str) -> None:
    (accepted,) = take([{"id": "a", "text": text}], tenant="default", arrived=NOW).accepted
    assert accepted.record.text == text


def test_the_second_use_of_an_id_is_a_duplicate_across_batches_of_one_file() -> None:
    seen: set[str] = set()
    first = take([GOOD], tenant="default", arrived=NOW, seen=seen)
    second = take([GOOD, {"id": "new", "text": "y"}], tenant="default", arrived=NOW, seen=seen)
    assert not first.errors
    assert [error["code"] for error in second.errors] == ["duplicate_id"]
    assert [accepted.record.id for accepted in second.accepted] == ["new"]


def test_a_refused_comment_does_not_use_up_its_id() -> None:
    items = [{"id": "a", "text": "x", "scores": {"nps": 99}}, {"id": "a", "text": "x"}]
    intake = take(items, tenant="default", arrived=NOW)
    assert [error["code"] for error in intake.errors] == ["out_of_range"]
    assert [accepted.index for accepted in intake.accepted] == [1]


def test_a_whole_comment_comes_through() -> None:
    sent = {
        "id": "r-1",
        "text": "The lamp arrived in two pieces.",
        "question": "How was your delivery?",
        "touchpoint": "delivery.home",
        "channel": "survey",
        "language": "en-GB",
        "occurred_at": "2026-11-20T10:12:00.5+01:00",
        "scores": {"nps": 3.0, "csat": None, "ces": 7},
        "customer_id": "u_9",
        "metadata": {"region": "north", "visits": 3, "weight": 1.5, "member": True, "store": None},
    }
    (accepted,) = take([sent], tenant="default", arrived=NOW).accepted
    record = accepted.record
    assert record.occurred_at == datetime(2026, 11, 20, 9, 12, 0, 500_000, tzinfo=UTC)
    assert record.occurred_at_given
    assert (record.nps, record.csat, record.ces) == (3, None, 7)
    assert record.metadata == sent["metadata"]
    assert isinstance(record.metadata["visits"], int)


def test_without_a_time_the_arrival_counts_and_says_so() -> None:
    (accepted,) = take([GOOD], tenant="default", arrived=NOW).accepted
    assert accepted.record.occurred_at == NOW
    assert not accepted.record.occurred_at_given


def test_a_name_that_a_client_made_up_is_cut_short_and_made_plain() -> None:
    error = judge(**{"ø" * 300: 1})
    assert error["code"] == "unknown_field"
    assert error["field"].isascii()
    assert len(error["field"]) <= 80
