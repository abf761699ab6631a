"""What one comment adds to the sums."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from models import Analysis
from service.records import CommentRecord, StoredTouchpoint
from service.rollups import MEASURES, contribution, touchpoints_of

Record = Callable[..., CommentRecord]
Make = Callable[..., Analysis]
DAY = date(2026, 11, 20)


def at(record: CommentRecord, analysis: Analysis, touchpoint: str) -> dict[str, int]:
    counts = contribution(record, analysis.to_dict())
    return {measure: value for (place, _, measure), value in counts.items() if place == touchpoint}


def test_a_full_comment_counts_at_its_touchpoint_and_in_the_whole(
    make_record: Record, make_analysis: Make
) -> None:
    record = make_record(touchpoint="support.phone", nps=3, csat=4, ces=6)
    analysis = make_analysis(
        issues=["unresolved_issue"],
        strengths=["caring_treatment"],
        sentiment=-0.41,
        empathy=0.55,
        effort=0.3,
        loyalty=-0.2,
    )
    expected = {
        "n": 1,
        "analyzed": 1,
        "nps_detractors": 1,
        "csat_n": 1,
        "csat_satisfied": 1,
        "ces_n": 1,
        "ces_sum": 6,
        "ces_sum_squares": 36,
        "sentiment_n": 1,
        "sentiment_sum": -4100,
        "sentiment_sum_squares": 4100**2,
        "sentiment_negative": 1,
        "empathy_n": 1,
        "empathy_sum": 5500,
        "empathy_sum_squares": 5500**2,
        "effort_n": 1,
        "effort_sum": 3000,
        "effort_sum_squares": 3000**2,
        "loyalty_n": 1,
        "loyalty_sum": -2000,
        "loyalty_sum_squares": 2000**2,
        "label:unresolved_issue": 1,
        "label:caring_treatment": 1,
        "model:m1": 1,
    }
    assert at(record, analysis, "support.phone") == expected
    assert at(record, analysis, "*") == expected
    assert {(place, day) for place, day, _ in contribution(record, analysis.to_dict())} == {
        ("support.phone", DAY),
        ("*", DAY),
    }


def test_the_clients_touchpoint_beats_the_inferred_ones(make_record: Record, make_analysis: Make) -> None:
    body = make_analysis(touchpoints=["billing", "support"]).to_dict()
    assert touchpoints_of(make_record(touchpoint="order"), body) == (StoredTouchpoint("order", False),)
    assert touchpoints_of(make_record(), body) == (
        StoredTouchpoint("billing", True),
        StoredTouchpoint("support", True),
    )


def test_a_comment_at_two_inferred_touchpoints_counts_once_in_the_whole(
    make_record: Record, make_analysis: Make
) -> None:
    analysis = make_analysis(touchpoints=["billing", "support"])
    assert [at(make_record(), analysis, place)["n"] for place in ("billing", "support", "*")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("score", "side"),
    [
        (0, "detractors"),
        (6, "detractors"),
        (7, "passives"),
        (8, "passives"),
        (9, "promoters"),
        (10, "promoters"),
    ],
)
def test_sides_of_the_nps(make_record: Record, make_analysis: Make, score: int, side: str) -> None:
    counts = at(make_record(nps=score), make_analysis(), "*")
    assert {name for name in counts if name.startswith("nps")} == {f"nps_{side}"}


@pytest.mark.parametrize(("score", "satisfied"), [(1, 0), (3, 0), (4, 1), (5, 1)])
def test_satisfied_is_four_or_five(
    make_record: Record, make_analysis: Make, score: int, satisfied: int
) -> None:
    counts = at(make_record(csat=score), make_analysis(), "*")
    assert (counts["csat_n"], counts.get("csat_satisfied", 0)) == (1, satisfied)


def test_not_read_and_nothing_to_read_are_two_things(make_record: Record, make_analysis: Make) -> None:
    assert at(make_record(nps=9), make_analysis(read=False), "*") == {
        "n": 1,
        "not_analyzed": 1,
        "nps_promoters": 1,
    }
    assert at(make_record(), make_analysis(no_content=True), "*") == {
        "n": 1,
        "analyzed": 1,
        "no_content": 1,
        "model:m1": 1,
    }


def test_neutral_sentiment_counts_on_neither_side(make_record: Record, make_analysis: Make) -> None:
    assert at(make_record(), make_analysis(sentiment=0.0), "*") == {
        "n": 1,
        "analyzed": 1,
        "model:m1": 1,
        "sentiment_n": 1,
    }


def test_days_are_utc(make_record: Record, make_analysis: Make) -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    days = {day for _, day, _ in contribution(make_record(occurred_at=late), make_analysis().to_dict())}
    assert days == {date(2026, 11, 21)}
    assert late.astimezone(UTC).date() == date(2026, 11, 21)


def test_no_measure_is_unlisted(make_record: Record, make_analysis: Make) -> None:
    full = make_analysis(sentiment=1.0, empathy=-1.0, issues=["unmet_expectations"])
    for analysis in (
        full,
        make_analysis(read=False),
        make_analysis(no_content=True),
        make_analysis(sentiment=-1),
    ):
        counts = at(make_record(nps=9, csat=5, ces=7), analysis, "*")
        plain = {name for name in counts if not name.startswith(("label:", "model:"))}
        assert plain <= set(MEASURES)
