"""The journey: its order, what is called better or worse, the most typical comment, and lines that stay in place."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models import taxonomy
from service import repository
from service.charts import Point, Ranged, curve, shade, smooth, symmetric
from service.database import read, write
from service.listing import Where
from service.metrics import Rules
from service.metrics.journey import Order, journey, period_of
from service.metrics.typical import most_typical, typical
from service.records import CommentRecord
from service.settings import Settings
from service.typical_repository import Candidate
from service.views import story
from service.views.journey import short_name

KNOWN = ("digital", "billing", "support")
LAST = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def rules(pipeline: models.Pipeline) -> Rules:
    return Rules.of(Settings(), pipeline.taxonomy, "m1", {})


@pytest.fixture
def keep(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., models.Analysis]
) -> Callable[..., None]:
    ids = iter(range(10_000))

    def keep(times: int, place: str, days_ago: int, text: str = "Words.", **found: Any) -> None:
        at = LAST - timedelta(days=days_ago)
        with write(engine) as conn:
            for _ in range(times):
                record = make_record(
                    id=f"c{next(ids)}", text=text, touchpoint=place, occurred_at=at, nps=7, channel="web"
                )
                repository.save(conn, record, make_analysis(**found), LAST)

    return keep


def test_the_order_is_named_then_known_then_by_first_comment() -> None:
    first = {
        "support": date(2026, 1, 5),
        "support.phone": date(2026, 1, 1),
        "zoo": date(2026, 1, 1),
        "kiosk": date(2026, 1, 2),
        "aisle": date(2026, 1, 2),
        "billing": date(2026, 1, 3),
        "order": date(2026, 1, 9),
        "order.web": date(2026, 1, 1),
    }
    known_first = ["billing", "support", "support.phone", "order.web", "zoo", "aisle", "kiosk", "order"]
    assert Order((), KNOWN).sort(first) == known_first
    named = Order(("order", "support.phone", "zoo"), KNOWN).sort(first)
    assert named == ["order", "order.web", "support.phone", "zoo", "billing", "support", "aisle", "kiosk"]


def test_the_setting_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_JOURNEY", "order, delivery,,support.phone ")
    assert Settings().journey == ("order", "delivery", "support.phone")


def test_better_and_worse_only_where_it_is_real(
    engine: Engine, rules: Rules, keep: Callable[..., None]
) -> None:
    keep(60, "shop", 40, sentiment=0.5)
    keep(60, "shop", 2, sentiment=-0.5, issues=["unresolved_issue"])
    keep(60, "order", 40, sentiment=-0.5, issues=["poor_communication"])
    keep(60, "order", 2, sentiment=0.5)
    keep(31, "web", 40, sentiment=0.5)
    keep(30, "web", 2, sentiment=0.5)
    keep(1, "web", 2, sentiment=-0.5)
    with read(engine) as conn:
        found = journey(conn, "default", rules, Order(("web", "shop", "order"), KNOWN))
        nobody = journey(conn, "other", rules, Order((), ()))
    by_place = {
        one["touchpoint"]: {(c["metric"], c["label"], c["better"]) for c in one["changes"]}
        for one in found["touchpoints"]
    }
    assert list(by_place) == ["web", "shop", "order"]
    assert by_place["web"] == set()
    assert by_place["shop"] == {("sentiment", None, False), ("issues", "unresolved_issue", False)}
    assert by_place["order"] == {("sentiment", None, True), ("issues", "poor_communication", True)}
    assert (found["period"].start, found["period"].end) == (date(2026, 10, 18), date(2026, 11, 15))
    assert (nobody["touchpoints"], nobody["period"], nobody["empty"]) == ([], None, True)


@pytest.mark.parametrize(
    ("asked", "period"),
    [
        ((date(2026, 10, 1), date(2026, 11, 1)), (date(2026, 10, 1), date(2026, 11, 1))),
        ((date(2026, 11, 10), None), (date(2026, 11, 10), date(2026, 11, 17))),
        ((None, date(2026, 11, 1)), (date(2026, 10, 4), date(2026, 11, 1))),
        ((date(2026, 11, 1), date(2026, 10, 1)), None),
        ((date(1, 1, 1), date(2026, 1, 1)), None),
        ((None, date(1, 1, 9)), None),
    ],
)
def test_which_days_are_compared(
    asked: tuple[date | None, date | None], period: tuple[date, date] | None
) -> None:
    found = period_of(*asked, "2026-11-17")
    assert (found and (found.start, found.end)) == period


def test_the_most_typical_is_neither_the_longest_nor_the_shortest() -> None:
    found = [Candidate(1, 0.99, 4), Candidate(2, 0.99, 900), Candidate(3, 0.8, 60), Candidate(4, 0.7, 55)]
    found += [Candidate(key, 0.6, 50) for key in range(5, 9)]
    chosen = most_typical(found)
    assert chosen is not None
    assert chosen.key == 3
    assert most_typical([]) is None
    assert most_typical([Candidate(1, 0.9, 0)]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5_000)), min_size=1, max_size=30))
def test_there_is_always_one_that_is_typical(drawn: list[tuple[float, int]]) -> None:
    assert most_typical([Candidate(key, *one) for key, one in enumerate(drawn)]) is not None


def test_a_typical_comment_is_of_its_touchpoint_and_days(engine: Engine, keep: Callable[..., None]) -> None:
    keep(1, "shop", 30, text="An old one.", issues=["unresolved_issue"])
    keep(1, "shop", 2, text="Of the shop.", issues=["unresolved_issue"])
    keep(1, "order", 1, text="Of an order.", issues=["unresolved_issue"])
    with read(engine) as conn:
        of_shop = typical(conn, "default", "shop", "issue", "unresolved_issue", (date(2026, 11, 1), None))
        none = typical(conn, "default", "shop", "issue", "poor_communication")
    assert of_shop is not None
    assert of_shop.record.text == "Of the shop."
    assert none is None


def test_the_newest_are_those_said_last_and_not_those_stored_last(
    engine: Engine, keep: Callable[..., None]
) -> None:
    keep(60, "shop", 1, text="It is new.", issues=["unresolved_issue"])
    keep(60, "shop", 900, text="It was old.", issues=["unresolved_issue"])
    with read(engine) as conn:
        found = [
            typical(conn, "default", place, "issue", "unresolved_issue", where=where)
            for place in ("shop", "*")
            for where in (None, Where("channel", "web"))
        ]
    assert [one and one.record.text for one in found] == ["It is new."] * 4


@given(st.lists(st.one_of(st.none(), st.floats(-100, 100)), min_size=1, max_size=40))
def test_a_curve_stays_on_its_drawing(drawn: list[float | None]) -> None:
    values = [Ranged(None) if v is None else Ranged(v, max(v - 9, -100), min(v + 9, 100)) for v in drawn]
    scale = symmetric(values, 10, 110)
    found = curve(values, [10.0 * place for place in range(len(values))], scale)
    assert [mark.shown for mark in found.marks] == [value is not None for value in drawn]
    assert all(10 <= mark.top <= mark.y <= mark.bottom <= 110 for mark in found.marks)
    assert len(found.lines) == len(found.bands)


def test_lines_and_shades() -> None:
    assert smooth([Point(0, 10), Point(10, 20.25)]) == "M0 10C5 10 5 20.2 10 20.2"
    assert [shade(rate, 0.6) for rate in (None, 0.0, 0.001, 0.3, 0.6, 1.0)] == [0, 0, 1, 3, 6, 6]
    assert shade(0.5, 0.0) == 0


def test_a_hundred_touchpoints_are_a_page_that_arrives(client: TestClient) -> None:
    comments = [
        {"id": f"c{n}", "text": "Nobody fixed it, checkout was easy", "touchpoint": f"place.{n % 100}"}
        for n in range(600)
    ]
    for start in range(0, 600, 300):
        assert not client.post("/v1/comments", json={"comments": comments[start : start + 300]}).json()[
            "errors"
        ]
    styles = len(client.get("/static/listenwell.css").content)
    journey_page, first, second = (client.get(path) for path in ("/", "/heatmap", "/heatmap?start=50"))
    for page in (journey_page, first, second):
        assert page.status_code == 200
        assert len(page.content) + styles < 150_000
    assert journey_page.text.count('class="name slanted"') == 100
    assert first.text.count('<th scope="row">') == second.text.count('<th scope="row">') == 51


def test_neighbours_below_one_touchpoint_are_told_apart_on_the_map() -> None:
    assert short_name("support.phone", 9) == "…phone"
    assert short_name("support.phone", 13) == "support.phone"
    assert short_name("support.escalations", 9) == "support.…"
    assert short_name("Customer support", 9) == "Customer…"


def periods(*days: tuple[str, str]) -> dict[str, Any]:
    """Metrics with these periods, alike."""
    score = {"value": 10.0, "ci95": [0.0, 20.0], "net": 10.0, "net_ci95": [0.0, 20.0], "n": 30}
    return {
        "series": [
            {"from": start, "to": end, "n": 30, "sentiment": score, "nps": score} for start, end in days
        ]
    }


def test_no_line_goes_through_months_without_a_comment() -> None:
    early = ("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01")
    late = ("2026-10-01", "2026-11-01"), ("2026-11-01", "2026-12-01")
    (drawn, _) = story.trends(periods(*early, *late))
    line = drawn["trend"].curve
    assert (len(line.lines), len(line.bands), len(line.bridges)) == (2, 2, 1)
    assert drawn["trend"].titles[2] == "1 Mar 2026: no comments"
    whole = story.trends(periods(*early))[0]["trend"].curve
    assert (len(whole.lines), len(whole.bridges)) == (1, 0)


def test_years_are_named_where_there_are_several() -> None:
    years = [(f"{year}-01-01", f"{year + 1}-01-01") for year in (2024, 2025, 2026)]
    assert story.trends(periods(*years))[0]["trend"].ticks[0][1] == "1 Jan 2024"


def test_labels_that_are_clear_are_not_called_unclear() -> None:
    """Nine are clear, two are not, the others were not measured."""
    labels = [label.id for label in taxonomy.load().labels]
    ends = [[-3.0, -1.0]] * 9 + [[-1.0, 1.0]] * 2
    measured = [{"value": sum(each) / 2, "ci95": each} for each in ends] + [None] * (len(labels) - 11)
    found = {
        "metric": "nps",
        "n": 500,
        "labels": [
            {"id": id, "n": 20, "observed": one, "corrected": None}
            for id, one in zip(labels, measured, strict=True)
        ],
    }
    view = story.drivers_view(found, taxonomy.load())
    assert (len(view["rows"]), view["associated"], view["unclear"]) == (6, 9, 2)


def test_an_alert_leads_to_the_comments_of_its_days() -> None:
    alert = {
        "touchpoint": "order",
        "label": "unresolved_issue",
        "polarity": "issue",
        "direction": "up",
        "since": "2026-11-07",
    }
    (found,) = story.alerts_view([alert], taxonomy.load(), date(2026, 11, 14))
    assert found["link"].endswith("from=2026-11-07&to=2026-11-14")
