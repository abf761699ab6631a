"""The views for BI tools say what the API says, on both databases, with a person's labels over the model's."""

from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from service.database import read
from service.rollups import MEASURES
from tests.keys import bearer, make_key

SENT = [
    {
        "id": f"r-{n}",
        "text": ("Agent was kind but nobody ever fixed my bill.", "Checkout was easy.", "n/a")[n % 3],
        "touchpoint": ("billing", "order")[n % 2],
        "occurred_at": f"2026-10-0{n % 4 + 1}T09:00:00Z",
        "scores": {"nps": n % 11, "csat": n % 5 + 1, "ces": n % 7 + 1},
        "channel": "phone",
    }
    for n in range(60)
]


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    assert not client.post("/v1/comments", json={"comments": SENT}).json()["errors"]
    said = {"labels": {"add": ["poor_communication"], "remove": ["unresolved_issue"]}, "actor": "anna"}
    assert client.post("/v1/comments/r-0/corrections", json=said).status_code == 200
    return client


def rows(engine: sa.Engine, query: str) -> list[dict[str, Any]]:
    with read(engine) as conn:
        return [dict(row) for row in conn.execute(sa.text(query)).mappings()]


def test_daily_sums_add_up_to_the_metrics(filled: TestClient, engine_of: sa.Engine) -> None:
    wide = "nps_promoters + nps_passives + nps_detractors"
    found = rows(
        engine_of,
        "SELECT touchpoint, SUM(comments) AS n, SUM(analyzed) AS analyzed, SUM(no_content) AS no_content, "
        f"SUM({wide}) AS nps_n, SUM(nps_promoters) - SUM(nps_detractors) AS nps, SUM(csat_satisfied) AS satisfied, "
        "SUM(csat_n) AS csat_n, SUM(ces_sum) AS ces, SUM(sentiment_sum) AS sentiment, SUM(sentiment_n) AS read, "
        "SUM(sentiment_positive) - SUM(sentiment_negative) AS net, SUM(corrected) AS corrected "
        "FROM bi_touchpoint_day WHERE tenant = 'default' GROUP BY touchpoint",
    )
    by_place = {one["touchpoint"]: one for one in found}
    answer = filled.get("/v1/touchpoints").json()
    assert set(by_place) == {"*", "billing", "order"}
    for m in (answer["total"], *answer["touchpoints"]):
        own = by_place[m["touchpoint"]]
        assert (own["n"], own["analyzed"], own["no_content"]) == (m["n"], m["analyzed"], m["no_content"])
        assert float(100 * own["nps"] / own["nps_n"]) == pytest.approx(m["nps"]["value"], abs=0.05)
        assert float(own["satisfied"]) / float(own["csat_n"]) == pytest.approx(m["csat"]["value"], abs=5e-5)
        assert float(own["ces"]) / m["ces"]["n"] == pytest.approx(m["ces"]["mean"], abs=5e-4)
        assert float(own["sentiment"]) / float(own["read"]) == pytest.approx(m["sentiment"]["mean"], abs=5e-4)
        assert float(100 * own["net"]) / float(own["read"]) == pytest.approx(m["sentiment"]["net"], abs=0.05)
    assert by_place["*"]["corrected"] == 1


def test_labels_are_those_in_force(filled: TestClient, engine_of: sa.Engine) -> None:
    own = rows(engine_of, "SELECT kind, label, corrected FROM bi_comment_label WHERE comment_id = 'r-0'")
    labels = {(one["kind"], one["label"]) for one in own}
    assert ("issue", "poor_communication") in labels
    assert ("issue", "unresolved_issue") not in labels
    assert {bool(one["corrected"]) for one in own} == {True}
    counted = rows(
        engine_of,
        "SELECT touchpoint, label, SUM(comments) AS n FROM bi_label_day GROUP BY touchpoint, label",
    )
    listed = rows(
        engine_of,
        "SELECT p.touchpoint, l.label, COUNT(*) AS n FROM bi_comment_label l "
        "JOIN bi_comment_touchpoint p ON p.tenant = l.tenant AND p.comment_id = l.comment_id "
        "GROUP BY p.touchpoint, l.label",
    )
    plain = {(one["touchpoint"], one["label"], int(one["n"])) for one in counted if one["touchpoint"] != "*"}
    assert plain == {(one["touchpoint"], one["label"], int(one["n"])) for one in listed}
    answer = filled.get("/v1/touchpoints").json()["total"]
    whole = {one["label"]: int(one["n"]) for one in counted if one["touchpoint"] == "*"}
    assert whole == {
        one["id"]: one["observed"]["count"]
        for one in (*answer["issues"], *answer["strengths"])
        if one["observed"]["count"]
    }


def test_comments_are_there_without_their_words(filled: TestClient, engine_of: sa.Engine) -> None:
    found = rows(engine_of, "SELECT * FROM bi_comment")
    assert len(found) == len(SENT)
    assert {one["channel"] for one in found} == {"phone"}
    assert sum(bool(one["corrected"]) for one in found) == 1
    assert not {"text", "question", "customer_id"} & set(found[0])


def test_each_view_has_the_tenant(client: TestClient, engine_of: sa.Engine) -> None:
    for tenant in ("one", "two"):
        headers = bearer(make_key(engine_of, "admin", tenant=tenant))
        client.post("/v1/comments", json={"comments": SENT[:2]}, headers=headers)
    with read(engine_of) as conn:
        views = sa.inspect(conn).get_view_names()
    assert len(views) == 5
    for view in views:
        tenants = {one["tenant"] for one in rows(engine_of, f"SELECT tenant FROM {view}")}
        assert tenants == {"one", "two"}, view


def test_no_sum_is_forgotten(client: TestClient, engine_of: sa.Engine) -> None:
    with read(engine_of) as conn:
        columns = {one["name"] for one in sa.inspect(conn).get_columns("bi_touchpoint_day")}
    squares = {name for name in MEASURES if name.endswith("_squares")}
    assert set(MEASURES) - squares - {"n"} == columns - {"tenant", "touchpoint", "day", "comments"}
