"""A model of categories of one's own at the doors, in the numbers and on the pages: they count as labels do."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from alembic import command
from starlette.testclient import TestClient

import models
from models import taxonomy
from service import repository, save_repository
from service.app import create_app
from service.corrections.in_force import in_force
from service.database import alembic_config, migrate, read, write
from service.metrics import Rules
from service.metrics.alerting import alerts
from service.metrics.driving import associated
from service.settings import Settings
from service.tables import mention, rollup, rollup_month
from tests.recount import assert_exact

OWN = taxonomy.from_dict(
    {
        "version": "shop-1",
        "categories": [
            {"id": "parking", "name": "Parking", "description": "Where to park."},
            {"id": "food", "name": "Food", "description": "What there is to eat."},
        ],
    }
)
ERRORS = {id: {"tp": 90, "fp": 5, "fn": 10, "tn": 95} for id in ("parking", "food")}
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)


def tagger(comments: Sequence[models.Comment], **_: Any) -> list[models.Analysis]:
    """A category is there where its name is said."""
    plain = models.load("weightless")
    return [_own(one, comment.text) for one, comment in zip(plain.analyze(comments), comments, strict=True)]


def _own(analysis: models.Analysis, text: str) -> models.Analysis:
    found = tuple(
        models.Mention(id, id, 0.9, 0.5, (models.Evidence(at, at + len(id), id),))
        for id in ("parking", "food")
        if (at := text.lower().find(id)) >= 0
    )
    nothing: dict[str, Any] = dict.fromkeys(("issues", "strengths", "touchpoints"), ())
    signals: dict[str, Any] = dict.fromkeys(("sentiment", "empathy", "effort", "loyalty", "intent"))
    return replace(analysis, **nothing, **signals, categories=found, taxonomy_version=OWN.version)


@pytest.fixture
def shop(database_url: str) -> Iterator[TestClient]:
    """A service with such a model, and 60 comments: of the last 30 a third speaks of parking, of all a half of food."""
    settings = Settings(model="weightless", database_url=database_url, audit_rate=0)
    with TestClient(create_app(settings, tagger), raise_server_exceptions=False) as client:
        app: Any = client.app
        parts = app.state.parts
        rules = Rules.of(settings, OWN, parts.model.version, ERRORS)
        app.state.parts = replace(parts, model=replace(parts.model, taxonomy=OWN), rules=rules)
        answer = client.post("/v1/comments", json={"comments": [_comment(place) for place in range(60)]})
        assert answer.status_code == 200, answer.text
        yield client


def _comment(place: int) -> dict[str, Any]:
    said = ["Visit."]
    said += ["No parking left."] if place < 30 and place % 3 == 0 else []
    said += ["Good food."] if place % 2 == 0 else []
    return {
        "id": f"c{place}",
        "text": " ".join(said),
        "touchpoint": "shop",
        "channel": "web" if place % 3 else "phone",
        "occurred_at": (NEWEST - timedelta(days=place)).isoformat(),
        "scores": {"nps": 2 if place < 30 and place % 3 == 0 else 9},
    }


def test_they_are_counted_with_their_intervals_and_corrected_for_errors(shop: TestClient) -> None:
    found = shop.get("/v1/touchpoints").json()
    for metrics in (found["total"], *found["touchpoints"]):
        assert metrics["issues"] == metrics["strengths"] == []
        food, parking = metrics["categories"]
        assert (food["id"], food["observed"]["count"], food["observed"]["rate"]) == ("food", 30, 0.5)
        assert (parking["id"], parking["observed"]["count"]) == ("parking", 10)
        # (30 / 60 + 0.95 - 1) / (0.9 + 0.95 - 1), by Rogan and Gladen.
        assert food["estimated"]["rate"] == pytest.approx(0.5294, abs=1e-4)
    assert shop.get("/v1/touchpoints").json()["total"]["analyzed"] == 60


def test_a_model_of_themes_has_none(client: TestClient) -> None:
    client.post("/v1/comments", json={"comments": [{"id": "a", "text": "Rude agent."}]})
    assert client.get("/v1/touchpoints").json()["total"]["categories"] == []
    assert client.get("/v1/comments?category=parking").json()["code"] == "invalid_value"


def test_comments_are_found_by_them(shop: TestClient) -> None:
    found = shop.get("/v1/comments?category=parking").json()["comments"]
    assert [one["id"] for one in found] == [f"c{place}" for place in range(0, 30, 3)]
    both = shop.get("/v1/comments?category=parking&q=food&limit=2").json()
    assert [one["id"] for one in both["comments"]] == ["c0", "c6"]
    for wrong in ("category=toilets", "issue=parking"):
        assert shop.get(f"/v1/comments?{wrong}").json()["code"] == "invalid_value"


def test_what_people_say_counts(shop: TestClient) -> None:
    engine = _engine(shop)
    said = {"labels": {"add": ["parking"], "remove": ["food"]}, "actor": "ada"}
    assert shop.post("/v1/comments/c2/corrections", json=said).status_code == 200
    counts = _counts(shop)
    assert counts == {"parking": 11, "food": 29}
    assert shop.get("/v1/comments?category=parking").json()["comments"][1]["id"] == "c2"
    shop.post("/v1/comments", json={"comments": [{**_comment(2), "text": "Nothing to add."}]})
    shop.delete("/v1/comments/c0")
    assert _counts(shop) == {"parking": 9, "food": 28}
    with read(engine) as conn:
        assert_exact(conn)


def test_an_id_that_was_an_issue_before_counts_once(shop: TestClient) -> None:
    """A person said so of a model of themes that had an issue of this name."""
    engine = _engine(shop)
    issue = {"id": "food", "theme": "food", "evidence": [], "group": "issues"}
    for id, there in (("c2", True), ("c1", False)):
        with write(engine) as conn:
            stored = repository.locked(conn, "default", id)
            assert stored is not None
            found = in_force(stored.analysis, [{"labels": {"add": [issue], "remove": []}}])
            assert len(found["categories"]) == there
            # As it stands in stores from before categories counted: in both.
            both = found | {"issues": [{**issue, "probability": 1.0, "by": "person"}]}
            for corrected in (both, found):
                save_repository.put_corrected(conn, stored, corrected)
                stored = repository.locked(conn, "default", id)
                assert stored is not None
        assert _counts(shop)["food"] == 30 + (not there)


def test_segments_differences_and_drivers(shop: TestClient) -> None:
    by = shop.get("/v1/segments?by=channel").json()
    phone = next(one for one in by["segments"] if one["value"] == "phone")
    of = {one["id"]: one["observed"]["count"] for one in phone["metrics"]["categories"]}
    assert of == {"parking": 10, "food": 10}
    apart = {one["label"]: one for one in phone["differences"] if one["metric"] == "categories"}
    assert (apart["parking"]["difference"], apart["food"]["difference"]) == (0.5, 0)
    assert apart["parking"]["p"] < 0.001
    parts: Any = shop.app.state.parts  # type: ignore[attr-defined]
    with read(parts.engine) as conn:
        found = associated(conn, "default", "*", "nps", parts.rules, OWN)
    impacts = {one["id"]: one["observed"]["value"] for one in found["labels"]}
    # All promoters without those ten, who are all detractors.
    assert impacts["parking"] == pytest.approx(-100 / 3, abs=0.01)
    assert abs(impacts["food"]) < 10


def test_a_sudden_rise_is_an_alert_with_its_comments(shop: TestClient) -> None:
    # Ten a day for eight weeks, of which nobody spoke of parking until the last one, when all do.
    items = [
        {
            "id": f"day{day}-{n}",
            "text": "No parking." if day < 7 else "Visit.",
            "occurred_at": (NEWEST - timedelta(days=day)).isoformat(),
        }
        for day in range(63)
        for n in range(10)
    ]
    for start in range(0, len(items), 210):
        assert shop.post("/v1/comments", json={"comments": items[start : start + 210]}).status_code == 200
    parts: Any = shop.app.state.parts  # type: ignore[attr-defined]
    with read(parts.engine) as conn:
        found = alerts(conn, "default", parts.rules, date(2026, 11, 21))
    (one,) = [each for each in found["alerts"] if each["touchpoint"] == "*" and each["label"] == "parking"]
    assert (one["polarity"], one["direction"]) == ("category", "up")
    assert "category=parking" in one["comments"]
    assert shop.get(one["comments"]).json()["comments"]
    assert shop.get("/v1/alerts").json()["until"] == "2026-11-21"
    for path in ("/all", "/"):
        page = shop.get(path).text
        assert "What changed lately" in page
        assert "▲</span> more" in page
        assert "category=parking" in page


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", ["Main category", "Food", "Shares of categories"]),
        (
            "/heatmap",
            ['aria-current="page">Categories</a>', "Parking", "/comments?touchpoint=shop&amp;category=food"],
        ),
        ("/touchpoints/shop", ['<h2 id="categories">Categories</h2>', "Parking", 'mark class="category"']),
        ("/comments?category=food", ["30 of 60", '<option value="food" selected>Food', "category: Food"]),
        ("/emerging", ["What no category covers", "without a category"]),
        (
            "/report?format=html",
            ["Most frequent category", "Where which category comes up", "Shares of categories"],
        ),
        ("/all/drivers?metric=nps", ["Parking"]),
    ],
)
def test_the_pages_speak_of_them(shop: TestClient, path: str, words: Sequence[str]) -> None:
    answer = shop.get(path)
    assert answer.status_code == 200
    for each in words:
        assert each in answer.text
    assert "Main issue" not in answer.text
    assert "issues and strengths" not in answer.text


def test_exports_and_views_have_them(shop: TestClient) -> None:
    table = pq.read_table(
        io.BytesIO(shop.get("/v1/exports/metrics.parquet?touchpoint=*").content)
    ).to_pylist()
    rows = [row for row in table if row["metric"] == "category" and row["method"] == "tags"]
    assert {row["label"]: row["count"] for row in rows} == {"parking": 10, "food": 30}
    text = shop.get("/v1/exports/comments.csv?category=parking").text
    assert text.count('"category","parking"') == 10
    with read(_engine(shop)) as conn:
        of = conn.execute(sa.text("SELECT kind, label, count(*) FROM bi_comment_label GROUP BY kind, label"))
        assert sorted(map(tuple, of)) == [("category", "food", 30), ("category", "parking", 10)]


def test_those_stored_before_are_counted_by_the_migration(shop: TestClient) -> None:
    engine = _engine(shop)
    shop.post(
        "/v1/comments/c1/corrections", json={"labels": {"add": ["parking"], "remove": []}, "actor": "a"}
    )
    with write(engine) as conn:
        command.downgrade(alembic_config(conn), "0014")
        for table in (rollup, rollup_month):
            names = set(conn.scalars(sa.select(table.c.measure)))
            assert not any(name.startswith("label:") for name in names)
        assert not conn.scalar(sa.select(sa.func.count()).select_from(mention))
    migrate(engine)
    with read(engine) as conn:
        assert_exact(conn)
    assert _counts(shop) == {"parking": 11, "food": 30}


def _engine(client: TestClient) -> sa.Engine:
    engine: sa.Engine = client.app.state.parts.engine  # type: ignore[attr-defined]
    return engine


def _counts(client: TestClient) -> Mapping[str, int]:
    total = client.get("/v1/touchpoints").json()["total"]
    return {one["id"]: one["observed"]["count"] for one in total["categories"]}
