"""A recount of the comments, to hold against the daily sums: written apart from the code that keeps them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from service.corrections.tables import correction
from service.tables import analysis, comment, comment_touchpoint, mention, rollup, rollup_month

Counts = dict[tuple[Any, ...], int]


def assert_exact(conn: Connection) -> None:
    """The sums, and what is kept for the filters, say the same as the comments and their analyses do."""
    rows = conn.execute(
        sa.select(comment, analysis.c.body, analysis.c.corrected).outerjoin(
            analysis, analysis.c.comment_key == comment.c.key
        )
    ).all()
    assert {row.key: _in_force(row.corrected) for row in rows if row.corrected} == _said(conn, rows)
    kept = {tuple(key): value for *key, value in conn.execute(sa.select(rollup))}
    assert kept == sums(rows)
    months = {tuple(key): value for *key, value in conn.execute(sa.select(rollup_month))}
    assert months == by_month(kept)
    labels = conn.execute(sa.select(mention.c.comment_key, mention.c.label, mention.c.polarity))
    assert sorted(tuple(row) for row in labels) == sorted(_labels(rows))
    places = conn.execute(sa.select(comment_touchpoint))
    assert sorted(tuple(row) for row in places) == sorted(_placed(rows))


def is_exact(conn: Connection) -> bool:
    """The same as a question."""
    try:
        assert_exact(conn)
    except AssertionError:
        return False
    return True


def sums(rows: list[Any]) -> Counts:
    """By tenant, touchpoint, day and measure; those that come to nothing are not there."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        day = row.occurred_at.astimezone(UTC).date()
        for place in ["*", *(touchpoint for _, touchpoint, *_ in _placed([row]))]:
            for measure, value in _parts(row):
                counts[row.tenant, place, day, measure] += value
    return {key: value for key, value in counts.items() if value}


def by_month(kept: Counts) -> Counts:
    """Sums of days as sums of months; those that come to nothing are not there."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for (tenant, place, day, measure), value in kept.items():
        counts[tenant, place, day.replace(day=1), measure] += value
    return {key: value for key, value in counts.items() if value}


def _placed(rows: list[Any]) -> Iterator[tuple[int, str, bool, str, datetime]]:
    for row in rows:
        inferred = [(found["id"], True) for found in row.body["touchpoints"]]
        for place, is_inferred in inferred if row.touchpoint is None else [(row.touchpoint, False)]:
            yield row.key, place, is_inferred, row.tenant, row.occurred_at


def _said(conn: Connection, rows: list[Any]) -> dict[int, set[str]]:
    """The labels of corrected comments, from what people said in turn."""
    found = {row.key: _in_force(row.body) for row in rows}
    spoken = set()
    for key, said in conn.execute(
        sa.select(correction.c.comment_key, correction.c.said).order_by(correction.c.key)
    ):
        spoken.add(key)
        found[key] = (found[key] | {one["id"] for one in said["labels"]["add"]}) - set(
            said["labels"]["remove"]
        )
    return {key: found[key] for key in spoken}


def _in_force(body: dict[str, Any]) -> set[str]:
    return {one["id"] for group in ("issues", "strengths", "categories") for one in body.get(group, [])}


def _labels(rows: list[Any]) -> Iterator[tuple[int, str, str]]:
    for row in rows:
        counted = row.corrected or row.body
        yield from ((row.key, found["id"], "issue") for found in counted["issues"])
        yield from ((row.key, found["id"], "strength") for found in counted["strengths"])
        yield from ((row.key, found["id"], "category") for found in counted.get("categories", []))


def _parts(row: Any) -> Iterator[tuple[str, int]]:
    body = row.corrected or row.body
    read = body["status"] == "analyzed"
    yield "n", 1
    yield ("analyzed" if read else "not_analyzed"), 1
    if row.nps is not None:
        yield "nps_detractors", row.nps < 7
        yield "nps_passives", row.nps in (7, 8)
        yield "nps_promoters", row.nps > 8
    if row.csat is not None:
        yield "csat_n", 1
        yield "csat_satisfied", row.csat > 3
    if row.ces is not None:
        yield "ces_n", 1
        yield "ces_sum", row.ces
        yield "ces_sum_squares", row.ces * row.ces
    if not read:
        return
    yield f"model:{body['model_version']}", 1
    yield "no_content", body["no_content"]
    for _, label, _ in _labels([row]):
        yield f"label:{label}", 1
    if row.corrected:
        yield "corrected", 1
        for label in _in_force(body) | _in_force(row.body):
            yield f"corrected:{label}", (label in _in_force(body)) - (label in _in_force(row.body))
    for name in ("sentiment", "empathy", "effort", "loyalty"):
        if body[name] is not None:
            yield f"{name}_n", 1
            yield f"{name}_sum", round(body[name]["score"] * 10_000)
            yield f"{name}_sum_squares", round(body[name]["score"] * 10_000) ** 2
    if body["sentiment"] is not None and body["sentiment"]["label"] in ("positive", "negative"):
        yield f"sentiment_{body['sentiment']['label']}", 1
