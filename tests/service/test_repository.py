"""Comments in, out, found and erased, on a real database file."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from models import Analysis, InputError
from service import repository, tables
from service.database import read, write
from service.listing import Cursor, Filters
from service.records import CommentRecord, Outcome, StoredTouchpoint

Record = Callable[..., CommentRecord]
Make = Callable[..., Analysis]
ARRIVAL = datetime(2026, 11, 20, 10, tzinfo=UTC)
EVERYTHING = {
    "text": "שלום\n👩‍👩‍👧 <b>'%_\\\"",
    "question": "What could we improve?",
    "touchpoint": "support.phone",
    "channel": "survey",
    "language": "he",
    "nps": 0,
    "csat": 5,
    "ces": 7,
    "customer_id": "u_9f2",
    "metadata": {"region": "north", "floor": 0, "share": 0.25, "new": False, "note": None},
}


def save(
    engine: Engine, record: CommentRecord, analysis: Analysis, received_at: datetime = ARRIVAL
) -> Outcome:
    with write(engine) as conn:
        return repository.save(conn, record, analysis, received_at)


def found(engine: Engine, **filters: Any) -> list[str]:
    with read(engine) as conn:
        page = repository.select(conn, "default", Filters(**filters), 100)
    return [stored.record.id for stored in page.comments]


def test_a_comment_comes_back_as_it_was_sent(
    engine: Engine, make_record: Record, make_analysis: Make
) -> None:
    record = make_record(**EVERYTHING, occurred_at=datetime(2026, 11, 20, 9, 12, 7, 250_000, tzinfo=UTC))
    analysis = make_analysis(issues=["unresolved_issue"], touchpoints=["billing"], sentiment=-0.41)
    assert save(engine, record, analysis) == "created"
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
    assert stored is not None
    assert stored.record == record
    assert stored.record.occurred_at.tzinfo is UTC
    assert stored.received_at == ARRIVAL
    assert stored.analysis["issues"][0]["evidence"] == [{"start": 0, "end": 3, "text": "The"}]
    assert stored.touchpoints == (StoredTouchpoint("support.phone", inferred=False),)


def test_what_was_not_sent_is_not_there(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    record = make_record(text="", occurred_at_given=False)
    save(engine, record, make_analysis(touchpoints=["support", "billing"]))
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
        assert repository.get(conn, "default", "c2") is None
        assert repository.get(conn, "other", "c1") is None
    assert stored is not None
    assert stored.record == record
    assert stored.touchpoints == (StoredTouchpoint("billing", True), StoredTouchpoint("support", True))


def test_the_same_again_changes_nothing(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    save(engine, make_record(nps=9), make_analysis(sentiment=0.5))
    with read(engine) as conn:
        before = repository.get(conn, "default", "c1"), repository.measures(conn, "default")
    assert (
        save(engine, make_record(nps=9), make_analysis(sentiment=-0.5), ARRIVAL + timedelta(days=1))
        == "replayed"
    )
    with read(engine) as conn:
        assert (repository.get(conn, "default", "c1"), repository.measures(conn, "default")) == before


def test_other_content_replaces(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    save(engine, make_record(**EVERYTHING), make_analysis(issues=["poor_communication"]))
    later = ARRIVAL + timedelta(days=1)
    changed = make_record(text="Better now.", touchpoint="order")
    assert save(engine, changed, make_analysis(strengths=["easy_to_use"]), later) == "replaced"
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
        assert repository.touchpoints(conn, "default") == ["order"]
    assert stored is not None
    assert (stored.record, stored.received_at) == (changed, later)
    assert found(engine, issue="poor_communication") == []
    assert found(engine, strength="easy_to_use") == ["c1"]


def test_a_replacement_without_a_time_stays_on_its_day(
    engine: Engine, make_record: Record, make_analysis: Make
) -> None:
    save(engine, make_record(occurred_at=ARRIVAL, occurred_at_given=False), make_analysis())
    later = make_record(text="Typo.", occurred_at=ARRIVAL + timedelta(days=9), occurred_at_given=False)
    assert save(engine, later, make_analysis()) == "replaced"
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
        days = {measure.day for measure in repository.measures(conn, "default")}
    assert stored is not None
    assert stored.record.occurred_at == ARRIVAL
    assert days == {ARRIVAL.date()}


def test_tenants_do_not_meet(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    for tenant in ("default", "other"):
        assert (
            save(engine, make_record(tenant=tenant, touchpoint=f"{tenant}-desk"), make_analysis())
            == "created"
        )
    with write(engine) as conn:
        assert repository.touchpoints(conn, "default") == ["default-desk"]
        assert repository.delete(conn, "default", "c1")
        assert repository.get(conn, "other", "c1") is not None
        assert repository.touchpoints(conn, "default") == []
        assert repository.touchpoints(conn, "other") == ["other-desk"]


def test_digests_of_those_that_are_there(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    records = [make_record(id=f"c{i}") for i in range(3)]
    for record in records:
        save(engine, record, make_analysis())
    asked = ["c0", "c2", *(f"missing-{i}" for i in range(12_000))]
    with read(engine) as conn:
        assert repository.digests(conn, "default", asked) == {
            "c0": records[0].digest,
            "c2": records[2].digest,
        }
        assert repository.digests(conn, "default", []) == {}


@pytest.fixture
def shelf(engine: Engine, make_record: Record, make_analysis: Make) -> Engine:
    """Five comments a day apart, the newest last."""
    contents: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            {"text": "100% useless_app"},
            {"issues": ["poor_user_experience"], "sentiment": -0.9, "empathy": -0.5},
        ),
        (
            {"text": "CAFÉ staff kind", "touchpoint": "shop"},
            {"strengths": ["caring_treatment"], "empathy": 0.8},
        ),
        ({"text": "n/a"}, {"no_content": True}),
        ({"text": "مرحبا"}, {"read": False}),
        (
            {"text": "App good, bill bad"},
            {"issues": ["unmet_expectations"], "touchpoints": ["digital", "billing"], "sentiment": 0.2},
        ),
    ]
    for i, (fields, findings) in enumerate(contents):
        record = make_record(id=f"c{i}", occurred_at=datetime(2026, 11, 1 + i, 23, tzinfo=UTC), **fields)
        save(engine, record, make_analysis(**findings))
    return engine


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, ["c4", "c3", "c2", "c1", "c0"]),
        ({"touchpoint": "*"}, ["c4", "c3", "c2", "c1", "c0"]),
        ({"touchpoint": "shop"}, ["c1"]),
        ({"touchpoint": "billing"}, ["c4"]),
        ({"touchpoint": "nowhere"}, []),
        ({"issue": "poor_user_experience"}, ["c0"]),
        ({"strength": "caring_treatment"}, ["c1"]),
        ({"strength": "poor_user_experience"}, []),
        ({"sentiment": "negative"}, ["c0"]),
        ({"sentiment": "neutral"}, ["c1"]),
        ({"empathy": "expressed"}, ["c1", "c0"]),
        ({"empathy": "caring"}, ["c1"]),
        ({"empathy": "uncaring"}, ["c0"]),
        ({"empathy": "none"}, ["c4", "c2"]),
        ({"from_": date(2026, 11, 4)}, ["c4", "c3"]),
        ({"to": date(2026, 11, 2)}, ["c0"]),
        ({"from_": date(2026, 11, 2), "to": date(2026, 11, 4)}, ["c2", "c1"]),
        ({"q": "APP"}, ["c4", "c0"]),
        ({"q": "café"}, ["c1"]),
        ({"q": "0%"}, ["c0"]),
        ({"q": "%"}, ["c0"]),
        ({"q": "_"}, ["c0"]),
        ({"q": "/"}, ["c2"]),
        ({"q": "مرحبا"}, ["c3"]),
        ({"q": "app", "touchpoint": "digital", "sentiment": "positive"}, ["c4"]),
    ],
    ids=str,
)
def test_filters(shelf: Engine, filters: dict[str, Any], ids: list[str]) -> None:
    assert found(shelf, **filters) == ids


def test_a_search_has_a_limit() -> None:
    with pytest.raises(InputError, match="200") as caught:
        Filters(q="x" * 201)
    assert caught.value.code == "invalid_value"


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_follow_each_other_without_gap_or_overlap(
    engine: Engine, make_record: Record, make_analysis: Make, limit: int
) -> None:
    # Two at each moment, so that the time alone does not tell where a page ends.
    for i in range(6):
        save(engine, make_record(id=f"c{i}", occurred_at=ARRIVAL + timedelta(hours=i // 2)), make_analysis())
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(7):
        with read(engine) as conn:
            page = repository.select(conn, "default", Filters(), limit, cursor)
        seen += [stored.record.id for stored in page.comments]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["c5", "c4", "c3", "c2", "c1", "c0"]


def test_a_page_stays_where_it_was_when_comments_come_and_go(
    engine: Engine, make_record: Record, make_analysis: Make
) -> None:
    for i in range(4):
        save(engine, make_record(id=f"c{i}", occurred_at=ARRIVAL + timedelta(hours=i)), make_analysis())
    with read(engine) as conn:
        cursor = repository.select(conn, "default", Filters(), 2).next_cursor
    save(engine, make_record(id="new", occurred_at=ARRIVAL + timedelta(days=1)), make_analysis())
    with write(engine) as conn:
        repository.delete(conn, "default", "c2")
        page = repository.select(conn, "default", Filters(), 2, cursor)
    assert [stored.record.id for stored in page.comments] == ["c1", "c0"]


GOOD = Cursor(ARRIVAL, 7).encode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "é",
        "!!!!",
        GOOD + "=",
        GOOD[:-1],
        GOOD + " ",
        Cursor(ARRIVAL, -1).encode(),
        Cursor(ARRIVAL, 2**63).encode(),
        Cursor(ARRIVAL.replace(tzinfo=None), 7).encode(),
        # Before the first year there is, and after the last.
        Cursor(datetime.fromisoformat("0001-01-01T00:00:00+23:59"), 0).encode(),
        Cursor(datetime.fromisoformat("9999-12-31T23:59:59-23:59"), 0).encode(),
        "A" * 10_000,
    ],
)
def test_a_malformed_cursor_is_refused(engine: Engine, token: str) -> None:
    with read(engine) as conn, pytest.raises(InputError) as caught:
        repository.select(conn, "default", Filters(), 10, token)
    assert caught.value.code == "invalid_cursor"


def test_a_cursor_reads_back() -> None:
    assert Cursor.decode(GOOD) == (ARRIVAL, 7)


def test_delete_takes_all_that_was_made_of_a_comment(shelf: Engine) -> None:
    with write(shelf) as conn:
        for id in ("c0", "c1", "c2", "c3", "c4"):
            assert repository.delete(conn, "default", id)
            assert not repository.delete(conn, "default", id)
        for table in tables.metadata.sorted_tables:
            assert conn.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table.name


def test_a_customer_is_erased_and_no_other(engine: Engine, make_record: Record, make_analysis: Make) -> None:
    for i, customer in enumerate(["u1", "u2", "u1", None]):
        save(engine, make_record(id=f"c{i}", customer_id=customer, touchpoint="shop"), make_analysis())
    with write(engine) as conn:
        assert len(repository.delete_customer(conn, "default", "u1")) == 2
        assert repository.delete_customer(conn, "default", "u1") == []
        assert repository.delete_customer(conn, "other", "u2") == []
        counts = {t.touchpoint: t.value for t in repository.totals(conn, "default") if t.measure == "n"}
    assert counts == {"shop": 2, "*": 2}
    assert found(engine) == ["c3", "c1"]
