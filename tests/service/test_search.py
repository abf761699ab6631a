"""A page of comments is the same whichever way it was found: back in time, or by the rarest filter."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from models import Analysis
from service import repository, rollup_repository, search_repository
from service.database import read, write
from service.listing import Filters
from service.metrics import segments
from service.metrics.sums import Rules
from service.records import CommentRecord
from service.search_repository import trigrams

START = datetime(2025, 1, 1, tzinfo=UTC)
WORDS = ("bench", "BENCH", "İzmir", "ΟΔΟΣ", "straße", '"quoted"', "50% off", "a_b", "naïve café", "ed", "")
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"touchpoint": "rare"},
    {"touchpoint": "rare", "issue": "unresolved_issue"},
    {"issue": "unresolved_issue", "strength": "easy_to_use"},
    {"strength": "easy_to_use", "sentiment": "negative"},
    {"sentiment": "neutral", "empathy": "none"},
    {"empathy": "caring"},
    {"empathy": "uncaring", "touchpoint": "*"},
    {"from_": date(2025, 3, 3), "to": date(2025, 11, 9), "issue": "unresolved_issue"},
    {"to": date(2025, 2, 1), "touchpoint": "rare"},
    *(
        {"q": q}
        for q in (
            "BenCh",
            "izmir",
            "i̇zmir",
            "οδος",
            "STRASSE",
            "straße",
            '"quoted"',
            "50%",
            "a_b",
            "é",
            "zebra",
        )
    ),
    {"q": "bench", "touchpoint": "rare", "issue": "unresolved_issue"},
    {"q": "ed", "from_": date(2025, 6, 1)},
)


@pytest.fixture
def filled(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> Engine:
    """400 comments of a year, not in the order of their times; some replaced by other texts, some erased."""
    dice = random.Random(5)
    pairs = []
    for number in range(400):
        record = make_record(
            id=f"c{number}",
            text=f"{dice.choice(WORDS)} {dice.choice(WORDS)} {number}",
            touchpoint="rare" if dice.random() < 0.05 else "shop",
            occurred_at=START + timedelta(days=dice.randrange(365)),
            channel=dice.choice(("mail", "chat")),
        )
        found = make_analysis(
            issues=["unresolved_issue"] if dice.random() < 0.1 else [],
            strengths=["easy_to_use"] if dice.random() < 0.1 else [],
            sentiment=dice.choice((-0.5, 0.0, 0.5)),
            empathy=dice.choice((None, None, -0.5, 0.5)),
            read=dice.random() < 0.95,
        )
        pairs.append((record, found))
    with write(engine) as conn:
        repository.save_all(conn, pairs, START)
    again = [
        (make_record(id=f"c{n}", text="bench again", occurred_at=START), make_analysis()) for n in range(9)
    ]
    with write(engine) as conn:
        repository.save_all(conn, again, START)
    with write(engine) as conn:
        for number in range(9, 40):
            repository.delete(conn, "default", f"c{number}")
    return engine


@pytest.mark.parametrize("near", [1, 60])
def test_both_ways_find_the_same(filled: Engine, monkeypatch: pytest.MonkeyPatch, near: int) -> None:
    with read(filled) as conn:
        for one in FILTERS:
            filters = Filters(**one)
            everything = repository.select(conn, "default", filters, 1_000).comments
            monkeypatch.setattr(search_repository, "NEAR", near)
            pages, cursor = [], None
            while True:
                page = repository.select(conn, "default", filters, 7, cursor)
                pages += page.comments
                cursor = page.next_cursor
                if cursor is None:
                    break
            monkeypatch.undo()
            assert [one.record.id for one in pages] == [one.record.id for one in everything], one


def test_texts_are_found_as_they_are_now(filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_repository, "NEAR", 1)
    with read(filled) as conn:
        found = repository.select(conn, "default", Filters(q="bench again"), 100).comments
        assert {one.record.id for one in found} == {f"c{n}" for n in range(9)}
        there = {one.record.id: one for one in repository.select(conn, "default", Filters(), 1_000).comments}
        for word in ("bench", "strasse", "straße", "café"):
            found = repository.select(conn, "default", Filters(q=word), 1_000).comments
            expected = {id for id, one in there.items() if word in one.record.text.lower()}
            assert {one.record.id for one in found} == expected
        assert repository.select(conn, "another", Filters(q="bench"), 10).comments == []


def test_each_word_is_looked_for_and_a_phrase_as_it_stands(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    with write(engine) as conn:
        record = make_record(text="The driver was late, and nobody told me.")
        repository.save(conn, record, make_analysis(), record.occurred_at)
    asked = {
        "late driver": 1,
        "DRIVER  was": 1,
        '"driver was"': 1,
        '"late driver"': 0,
        'nobody "was late"': 1,
        "bus": 0,
        '"late the': 1,
        "“was late”": 1,
        "“late driver”": 0,
        '""': 1,
    }
    with read(engine) as conn:
        found = {q: len(repository.select(conn, "default", Filters(q=q), 10).comments) for q in asked}
    assert found == asked


def test_what_the_index_is_asked_for() -> None:
    assert trigrams(["Bench"]) == '"ben" AND "enc" AND "nch"'
    assert trigrams(['a"b']) == '"a""b"'
    assert trigrams(["ed"]) is None
    assert trigrams(["ed", "abcd"]) == '"abc" AND "bcd"'
    # Python makes two letters of the first one, and the index does not.
    assert trigrams(["İzmir"]) == '"zmi" AND "mir"'


def test_any_days_add_up_to_the_same_by_months(filled: Engine) -> None:
    dice = random.Random(1)
    with read(filled) as conn:
        daily = rollup_repository.measures(conn, "default")
        for _ in range(60):
            ends = sorted(START.date() + timedelta(days=dice.randrange(-40, 420)) for _ in range(2))
            from_day, to_day = (end if dice.random() < 0.8 else None for end in ends)
            sums: dict[tuple[str, str], int] = {}
            days: dict[str, list[date]] = {}
            for place, day, name, value in daily:
                if (from_day is None or day >= from_day) and (to_day is None or day < to_day):
                    sums[place, name] = sums.get((place, name), 0) + value
                    days.setdefault(place, []).append(day)
            found = rollup_repository.totals(conn, "default", None, from_day, to_day)
            assert {(one.touchpoint, one.measure): one.value for one in found if one.value} == {
                name: value for name, value in sums.items() if value
            }
            assert {(one.touchpoint, one.first, one.last) for one in found} == {
                (place, min(of), max(of)) for place, of in days.items()
            }
        far = rollup_repository.totals(conn, "default", None, date(9999, 12, 5), None)
        assert far == []


def test_many_comments_are_sampled_and_few_are_not(filled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(
        issues=("unresolved_issue",),
        strengths=("easy_to_use",),
        hide_below=5,
        low_base_below=30,
        ces_easiest=7,
        model_version="m1",
    )
    with read(filled) as conn:
        whole = segments.by_segment(conn, "default", "*", "channel", rules)
        assert (whole["n"], whole["sampled_from"]) == (369, None)
        monkeypatch.setattr(segments, "SAMPLE", 120)
        part = segments.by_segment(conn, "default", "*", "channel", rules)
        again = segments.by_segment(conn, "default", "*", "channel", rules)
    assert part == again
    assert part["sampled_from"] == 369
    # Golden-ratio lots are spread more evenly than chance would spread them.
    assert 100 <= part["n"] <= 140
