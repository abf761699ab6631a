"""A touchpoint's metrics: exact values, hidden values, bases, estimates, periods."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from models import Analysis, Pipeline
from service import repository, statistics
from service.database import read, write
from service.metrics import METRICS, Rules, overview, touchpoint_metrics
from service.records import CommentRecord
from service.rollups import MEASURES
from service.settings import Settings

Record = Callable[..., CommentRecord]
Make = Callable[..., Analysis]
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)  # a Monday


@pytest.fixture
def rules(pipeline: Pipeline) -> Rules:
    return Rules.of(Settings(), pipeline.taxonomy, "m1", {})


@pytest.fixture
def fill(engine: Engine, make_record: Record, make_analysis: Make) -> Callable[..., None]:
    """Store `times` comments alike: `found` is what their analyses found, the rest are their fields."""
    ids = iter(range(10_000))

    def fill(times: int, *, found: dict[str, Any] | None = None, **fields: Any) -> None:
        fields.setdefault("occurred_at", NOON)
        with write(engine) as conn:
            for _ in range(times):
                record = make_record(id=f"c{next(ids)}", **fields)
                repository.save(conn, record, make_analysis(**(found or {})), NOON)

    return fill


def metrics(engine: Engine, rules: Rules, touchpoint: str = "shop", **window: Any) -> dict[str, Any]:
    with read(engine) as conn:
        return touchpoint_metrics(conn, "default", touchpoint, rules, **window)


def label(answer: dict[str, Any], side: str, id: str) -> dict[str, Any]:
    (entry,) = [entry for entry in answer[side] if entry["id"] == id]
    return dict(entry)


def test_the_whole_object(engine: Engine, rules: Rules, fill: Callable[..., None]) -> None:
    kind = {"sentiment": 0.5, "strengths": ["easy_to_use"]}
    fill(25, touchpoint="shop", nps=9, csat=5, ces=7, found=kind)
    fill(5, touchpoint="shop", nps=9, csat=5, ces=7, found={**kind, "effort": 0.16})
    hard = {"sentiment": -0.5, "empathy": -0.25}
    fill(5, touchpoint="shop", nps=3, csat=2, ces=2, found={**hard, "effort": 0.4})
    fill(3, touchpoint="shop", nps=3, csat=2, ces=2, found=hard)
    fill(2, touchpoint="shop", nps=8, found={"no_content": True})
    fill(1, touchpoint="shop", found={"read": False}, occurred_at=NOON + timedelta(days=3))
    answer = metrics(engine, rules)
    net, sides = statistics.nps(30, 2, 8), statistics.nps(30, 0, 8)
    rate = statistics.wilson(30, 40)
    assert answer.pop("issues")[0]["observed"] == {"count": 0, "rate": 0.0, "ci95": [0.0, 0.0876]}
    assert answer.pop("categories") == []  # of a model of themes
    strengths = answer.pop("strengths")
    assert strengths[0] == {
        "id": "easy_to_use",
        "observed": {"count": 30, "rate": 0.75, "ci95": [round(rate.low, 4), round(rate.high, 4)]},
        "estimated": None,
    }
    assert answer == {
        "touchpoint": "shop",
        "from": "2026-11-16",
        "to": "2026-11-20",
        "n": 41,
        "analyzed": 40,
        "not_analyzed": 1,
        "no_content": 2,
        "model_versions": {"m1": 40},
        "nps": {"value": 55.0, "ci95": [round(net.low, 1), round(net.high, 1)], "n": 40},
        "csat": {"value": 0.7895, "ci95": [0.6365, 0.8893], "n": 38},
        "ces": {"mean": 5.947, "ci95": [5.268, 6.626], "n": 38},
        "sentiment": {
            "mean": 0.289,
            "mean_ci95": [0.154, 0.425],
            "net": 57.9,
            "net_ci95": [round(sides.low, 1), round(sides.high, 1)],
            "n": 38,
        },
        "empathy": {"index": -25.0, "ci95": [-25.0, -25.0], "n": 8, "coverage": 0.2},
        "effort": {"index": 28.0, "ci95": [19.0, 37.0], "n": 10, "coverage": 0.25},
        "loyalty": {"index": None, "ci95": None, "n": 0, "coverage": 0.0},
        "low_base": False,
        "series": [],
        "comparison": None,
    }
    assert json.loads(json.dumps(answer)) == answer


def test_every_label_is_listed_the_most_frequent_first(
    engine: Engine, rules: Rules, fill: Callable[..., None]
) -> None:
    fill(3, touchpoint="shop", found={"issues": ["lack_of_empathy", "unmet_expectations"]})
    fill(4, touchpoint="shop", found={"issues": ["unmet_expectations"]})
    answer = metrics(engine, rules)
    assert [entry["id"] for entry in answer["issues"]][:2] == ["unmet_expectations", "lack_of_empathy"]
    assert {entry["id"] for entry in answer["issues"]} == set(rules.issues)
    assert [entry["id"] for entry in answer["strengths"]] == list(rules.strengths)


def test_without_comments_nothing_is_claimed(engine: Engine, rules: Rules) -> None:
    answer = metrics(engine, rules, "*")
    assert (answer["n"], answer["from"], answer["to"], answer["low_base"]) == (0, None, None, True)
    assert answer["nps"] == {"value": None, "ci95": None, "n": 0}
    assert answer["ces"] == {"mean": None, "ci95": None, "n": 0}
    assert answer["sentiment"] == {
        "mean": None,
        "mean_ci95": None,
        "net": None,
        "net_ci95": None,
        "n": 0,
    }
    assert answer["empathy"] == {"index": None, "ci95": None, "n": 0, "coverage": None}
    assert answer["issues"][0]["observed"] == {"count": 0, "rate": None, "ci95": None}


@pytest.mark.parametrize(("answers", "hidden"), [(4, True), (5, False)])
def test_few_answers_hide_the_value_and_show_the_count(
    engine: Engine, rules: Rules, fill: Callable[..., None], answers: int, hidden: bool
) -> None:
    fill(
        answers,
        touchpoint="shop",
        nps=9,
        csat=5,
        ces=7,
        found={"empathy": 0.5, "issues": ["lack_of_empathy"]},
    )
    answer = metrics(engine, rules)
    for name, key in [
        ("nps", "value"),
        ("csat", "value"),
        ("ces", "mean"),
        ("sentiment", "net"),
        ("empathy", "index"),
    ]:
        assert (answer[name][key] is None) == hidden, name
        assert answer[name]["n"] == answers
    observed = label(answer, "issues", "lack_of_empathy")["observed"]
    assert ((observed["rate"] is None), observed["count"]) == (hidden, answers)


@pytest.mark.parametrize(("n", "low"), [(29, True), (30, False)])
def test_low_base(engine: Engine, rules: Rules, fill: Callable[..., None], n: int, low: bool) -> None:
    fill(n, touchpoint="shop")
    assert metrics(engine, rules)["low_base"] is low


def test_an_old_style_effort_scale_is_turned_over(
    engine: Engine, rules: Rules, fill: Callable[..., None]
) -> None:
    for answer in (1, 1, 2, 3, 7, 4):
        fill(1, touchpoint="shop", ces=answer)
    old = metrics(engine, replace(rules, ces_easiest=1))["ces"]
    for answer in (7, 7, 6, 5, 1, 4):
        fill(1, touchpoint="turned", ces=answer)
    assert old == metrics(engine, rules, "turned")["ces"]
    assert old["mean"] == 5.0


ERRORS = {"unresolved_issue": {"tp": 80, "fn": 40, "fp": 30, "tn": 850}}


def test_the_estimate_corrects_for_the_taggers_error(
    engine: Engine, rules: Rules, fill: Callable[..., None]
) -> None:
    fill(20, touchpoint="shop", found={"issues": ["unresolved_issue"]})
    fill(60, touchpoint="shop")
    fill(20, touchpoint="shop", found={"no_content": True})
    answer = metrics(engine, replace(rules, errors=ERRORS))
    # 20 of the 80 that were read; of all 100 it is four fifths of that.
    expected = statistics.adjusted_rate(20, 80, ERRORS["unresolved_issue"])
    assert expected is not None
    assert label(answer, "issues", "unresolved_issue")["estimated"] == {
        "rate": round(0.8 * expected.value, 4),
        "ci95": [round(0.8 * expected.low, 4), round(0.8 * expected.high, 4)],
        "method": "rogan_gladen",
        "audited": 0,
        "disagreement": None,
    }
    assert label(answer, "issues", "lack_of_empathy")["estimated"] is None


@pytest.mark.parametrize(
    ("others", "version", "errors"),
    [
        ({"version": "m2"}, "m1", ERRORS),
        ({}, "m2", ERRORS),
        ({}, "m1", {"unresolved_issue": {"tp": 0, "fn": 0, "fp": 3, "tn": 900}}),
        ({}, "m1", {}),
    ],
    ids=["two versions", "another version", "unusable errors", "no errors"],
)
def test_no_estimate_without_known_errors(
    engine: Engine,
    rules: Rules,
    fill: Callable[..., None],
    others: dict[str, Any],
    version: str,
    errors: dict[str, dict[str, int]],
) -> None:
    fill(20, touchpoint="shop", found={"issues": ["unresolved_issue"]})
    fill(1, touchpoint="shop", found=others)
    answer = metrics(engine, replace(rules, model_version=version, errors=errors))
    assert label(answer, "issues", "unresolved_issue")["estimated"] is None
    assert label(answer, "issues", "unresolved_issue")["observed"]["count"] == 20


def test_a_window_of_days(engine: Engine, rules: Rules, fill: Callable[..., None]) -> None:
    for day in range(4):
        fill(1, touchpoint="shop", occurred_at=NOON + timedelta(days=day))
    answer = metrics(engine, rules, from_day=date(2026, 11, 17), to_day=date(2026, 11, 19))
    assert (answer["n"], answer["from"], answer["to"]) == (2, "2026-11-17", "2026-11-19")
    assert metrics(engine, rules, from_day=date(2026, 11, 18))["to"] == "2026-11-20"
    assert metrics(engine, rules, to_day=date(2026, 11, 18))["from"] == "2026-11-16"


@pytest.mark.parametrize(
    ("grain", "periods"),
    [
        (
            "day",
            [
                ("2026-11-22", "2026-11-23", 1),
                ("2026-11-23", "2026-11-24", 2),
                ("2027-01-01", "2027-01-02", 3),
            ],
        ),
        (
            "week",
            [
                ("2026-11-16", "2026-11-23", 1),
                ("2026-11-23", "2026-11-30", 2),
                ("2026-12-28", "2027-01-04", 3),
            ],
        ),
        ("month", [("2026-11-01", "2026-12-01", 3), ("2027-01-01", "2027-02-01", 3)]),
    ],
)
def test_series(
    engine: Engine, rules: Rules, fill: Callable[..., None], grain: str, periods: list[tuple[str, str, int]]
) -> None:
    for day, times in [((2026, 11, 22), 1), ((2026, 11, 23), 2), ((2027, 1, 1), 3)]:
        fill(times, touchpoint="shop", nps=9, occurred_at=datetime(*day, tzinfo=UTC))
    answer = metrics(engine, rules, grain=grain)
    assert [(one["from"], one["to"], one["n"]) for one in answer["series"]] == periods
    assert sum(one["nps"]["n"] for one in answer["series"]) == answer["nps"]["n"]
    assert answer["series"][0].keys() == answer.keys()


def test_periods_are_cut_to_the_window(engine: Engine, rules: Rules, fill: Callable[..., None]) -> None:
    for day in range(14):
        fill(1, touchpoint="shop", occurred_at=NOON + timedelta(days=day))
    window = {"from_day": date(2026, 11, 18), "to_day": date(2026, 11, 25)}
    answer = metrics(engine, rules, grain="week", **window)
    assert [(one["from"], one["to"], one["n"]) for one in answer["series"]] == [
        ("2026-11-18", "2026-11-23", 5),
        ("2026-11-23", "2026-11-25", 2),
    ]


def test_the_overview_lists_each_touchpoint_and_the_whole(
    engine: Engine, rules: Rules, fill: Callable[..., None]
) -> None:
    fill(2, touchpoint="order")
    fill(6, touchpoint="shop", nps=10)
    fill(3, found={"touchpoints": ["billing", "shop"]})
    fill(1)
    with read(engine) as conn:
        answer = overview(conn, "default", rules)
        one_by_one = [
            touchpoint_metrics(conn, "default", t, rules) for t in ("shop", "billing", "order", "*")
        ]
        nothing = overview(conn, "other", rules)
    assert [*answer["touchpoints"], answer["total"]] == one_by_one
    assert [(o["touchpoint"], o["n"]) for o in one_by_one] == [
        ("shop", 9),
        ("billing", 3),
        ("order", 2),
        ("*", 12),
    ]
    assert (nothing["touchpoints"], nothing["total"]["n"]) == ([], 0)


def test_the_registry_names_what_it_is_made_of() -> None:
    assert len({metric.slug for metric in METRICS}) == len(METRICS)
    assert {measure for metric in METRICS for measure in metric.measures} <= set(MEASURES)
