"""The digest of a comment tells a replay from a replacement."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from service.records import CommentRecord

Make = Callable[..., CommentRecord]


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Other words."},
        {"question": "What could we improve?"},
        {"touchpoint": "order"},
        {"channel": "survey"},
        {"language": "en"},
        {"occurred_at": datetime(2026, 11, 20, 9, 13, tzinfo=UTC)},
        {"occurred_at_given": False},
        {"nps": 0},
        {"csat": 1},
        {"ces": 1},
        {"customer_id": "u1"},
        {"metadata": {"region": "north"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_was_sent_is_in_the_digest(make_record: Make, change: dict[str, Any]) -> None:
    assert make_record(**change).digest != make_record().digest


def test_scores_do_not_stand_in_for_each_other(make_record: Make) -> None:
    assert make_record(csat=3).digest != make_record(ces=3).digest


def test_order_of_metadata_and_zone_of_time_do_not_matter(make_record: Make) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    there = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    one = make_record(occurred_at=noon, metadata={"a": 1, "b": None})
    assert one.digest == make_record(occurred_at=there, metadata={"b": None, "a": 1}).digest


def test_a_time_of_arrival_is_not_content(make_record: Make) -> None:
    first = make_record(occurred_at_given=False, occurred_at=datetime(2026, 11, 20, tzinfo=UTC))
    later = make_record(occurred_at_given=False, occurred_at=datetime(2026, 11, 25, tzinfo=UTC))
    assert first.digest == later.digest


def test_any_text_has_a_digest(make_record: Make) -> None:
    assert len(make_record(text="שלום 👩‍👩‍👧 \u0000 \ud800").digest) == 64
