"""Tables for BI tools: the values of the API, safe in a spreadsheet, in pieces, alike as CSV and as Parquet."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from models.command import main
from service.exports import comments, metrics
from service.exports.tables import Column, as_csv, as_parquet, safe
from service.metrics import segments

FORMULAS = (
    "=1+1",
    '@SUM(1) of "what" I paid',
    "-2 stars",
    "+49 30 1234 rang me",
    "\t=cmd|' /C calc'!A0",
    "slow;=HYPERLINK(1)",
    "line\n=2+2",
    "＝1+1",
)


def sent(n: int) -> dict[str, Any]:
    texts = ("Agent was kind but nobody ever fixed my bill.", "Checkout was easy.", "n/a")
    return {
        "id": f"r-{n}",
        "text": texts[n % 3],
        "touchpoint": "billing" if n % 15 else "kiosk",
        "channel": ("phone", "mail")[n % 2],
        "occurred_at": f"2026-10-{n % 20 + 1:02d}T09:00:00Z",
        "scores": {"nps": n % 11},
        "metadata": {"region": "north"},
    }


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    assert not client.post("/v1/comments", json={"comments": [*map(sent, range(60))]}).json()["errors"]
    return client


def csv_rows(client: TestClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def parquet_rows(client: TestClient, address: str) -> list[dict[str, Any]]:
    answer = client.get(address)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    return list(pq.read_table(io.BytesIO(answer.content)).to_pylist())


def test_metrics_are_those_of_the_api(filled: TestClient) -> None:
    found = {
        (one["touchpoint"], one["metric"], one["label"], one["method"]): one
        for one in parquet_rows(filled, "/v1/exports/metrics.parquet?from=2026-10-03&to=2026-10-15")
    }
    answer = filled.get("/v1/touchpoints?from=2026-10-03&to=2026-10-15").json()
    for m in (answer["total"], *answer["touchpoints"]):
        place = m["touchpoint"]
        nps = found[place, "nps", None, "adjusted_wald"]
        assert (nps["value"], nps["n"]) == (m["nps"]["value"], m["nps"]["n"])
        assert [nps["low"], nps["high"]] == (m["nps"]["ci95"] or [None, None])
        assert (nps["period_from"], nps["period_to"]) == (date(2026, 10, 3), date(2026, 10, 15))
        assert found[place, "comments", None, "count"]["value"] == m["n"]
        assert found[place, "empathy_index", None, "student"]["value"] == m["empathy"]["index"]
        assert found[place, "sentiment_net", None, "adjusted_wald"]["value"] == m["sentiment"]["net"]
        assert nps["low_base"] is m["low_base"]
        for kind, key in (("issue", "issues"), ("strength", "strengths")):
            for label in m[key]:
                tags = found[place, kind, label["id"], "tags"]
                assert (tags["value"], tags["count"]) == (
                    label["observed"]["rate"],
                    label["observed"]["count"],
                )
                if made := label["estimated"]:
                    assert found[place, kind, label["id"], made["method"]]["value"] == made["rate"]
    # What rests on too few is hidden here as well, and how many they were is not.
    kiosk = found["kiosk", "nps", None, "adjusted_wald"]
    assert (kiosk["value"], kiosk["low"], kiosk["n"] > 0) == (None, None, True)


def test_every_column_is_filled_and_nothing_else(filled: TestClient) -> None:
    for name, columns in (("metrics", metrics.COLUMNS), ("comments", comments.COLUMNS)):
        (row, *_) = csv_rows(filled, f"/v1/exports/{name}.csv")
        assert list(row) == [column.name for column in columns]


@pytest.mark.parametrize("query", ["metrics.{}", "metrics.{}?grain=week", "comments.{}"])
def test_both_formats_say_the_same(filled: TestClient, query: str) -> None:
    plain = csv_rows(filled, f"/v1/exports/{query.format('csv')}")
    typed = parquet_rows(filled, f"/v1/exports/{query.format('parquet')}")
    assert len(plain) == len(typed) > 60

    def text(value: object) -> str:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    for one, other in zip(plain, typed, strict=True):
        for name, value in other.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            assert float(one[name]) == value if number else one[name] == text(value)


def test_by_period_and_by_segment(filled: TestClient) -> None:
    weekly = parquet_rows(filled, "/v1/exports/metrics.parquet?grain=week&touchpoint=billing")
    answer = filled.get("/v1/touchpoints/billing/metrics?grain=week").json()
    assert [one["value"] for one in weekly if one["metric"] == "nps"] == [
        one["nps"]["value"] for one in answer["series"]
    ]
    parted = parquet_rows(filled, "/v1/exports/metrics.parquet?by=channel")
    segments = filled.get("/v1/segments?by=channel").json()["segments"]
    assert {(one["segment_value"], one["value"]) for one in parted if one["metric"] == "nps"} == {
        (one["value"], one["metrics"]["nps"]["value"]) for one in segments
    }


def test_a_segments_value_is_written_as_everywhere(client: TestClient) -> None:
    values = [True, 4.5, "north"]
    rows = [sent(n) | {"metadata": {"kind": values[n % 3]}} for n in range(60)]
    assert not client.post("/v1/comments", json={"comments": rows}).json()["errors"]
    found = csv_rows(client, "/v1/exports/metrics.csv?by=metadata.kind")
    assert {one["segment_value"] for one in found} == {"true", "4.5", "north"}


def test_a_row_for_each_comment_and_label_in_force(filled: TestClient) -> None:
    said = {"labels": {"add": ["poor_communication"], "remove": ["unresolved_issue"]}, "actor": "anna"}
    assert filled.post("/v1/comments/r-0/corrections", json=said).status_code == 200
    found = csv_rows(filled, "/v1/exports/comments.csv")
    assert {one["comment_id"] for one in found} == {f"r-{n}" for n in range(60)}
    own = {(one["label"], one["said_by"]) for one in found if one["comment_id"] == "r-0"}
    assert ("poor_communication", "person") in own
    assert "unresolved_issue" not in {label for label, _ in own}
    kept = filled.get("/v1/comments/r-0").json()
    assert {label for label, _ in own} == {
        one["id"] for group in ("issues", "strengths") for one in kept["labels"][group]
    }
    # Without a label there is one row, so that none is lost.
    assert [one["label"] for one in found if one["comment_id"] == "r-2"] == [""]
    counted = filled.get("/v1/touchpoints").json()["total"]
    for one in (*counted["issues"], *counted["strengths"]):
        assert sum(row["label"] == one["id"] for row in found) == one["observed"]["count"]


def test_comments_are_filtered_like_the_list(filled: TestClient) -> None:
    query = "touchpoint=kiosk&strength=easy_to_use&to=2026-10-12"
    listed = filled.get(f"/v1/comments?{query}").json()["comments"]
    assert {one["comment_id"] for one in csv_rows(filled, f"/v1/exports/comments.csv?{query}")} == {
        one["id"] for one in listed
    }


def test_no_cell_is_a_formula(client: TestClient) -> None:
    given = [{"id": f"={n}", "text": text, "channel": "@x"} for n, text in enumerate(FORMULAS)]
    assert not client.post("/v1/comments", json={"comments": given}).json()["errors"]
    content = client.get("/v1/exports/comments.csv").content.decode("utf-8-sig")
    # Also for a spreadsheet that parts cells by something else.
    for delimiter in ",;\t":
        for cells in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            for cell in cells:
                assert cell.lstrip(" \t\"'")[:1] not in "=@＝" or cell.lstrip(' \t"')[:1] in ("'", ""), cell
    kept = parquet_rows(client, "/v1/exports/comments.parquet")
    assert {one["text"] for one in kept} == set(FORMULAS)
    stored = {one["text"] for one in csv.DictReader(io.StringIO(content, newline=""))}
    assert stored == {safe(text) for text in FORMULAS}


@pytest.mark.parametrize(
    "text", ["5 = 5", "e-mail", "it's fine - really", "a; b", "", "–", "1.5", "\n" * 100_000], ids=str.strip
)
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_numbers_below_zero_stay_numbers() -> None:
    (_, records) = as_csv([Column("a", "number", "")], [{"a": -0.5}])
    assert records == b"-0.5\r\n"


@pytest.mark.parametrize("name", ["metrics", "comments"])
def test_an_empty_house_gives_a_table_without_comments(client: TestClient, name: str) -> None:
    found = csv_rows(client, f"/v1/exports/{name}.csv")
    assert all(one["n"] == "0" for one in found)
    assert len(parquet_rows(client, f"/v1/exports/{name}.parquet")) == len(found)


@pytest.mark.parametrize("encode", [as_csv, as_parquet])
def test_rows_leave_before_all_are_read(encode: Any) -> None:
    def endless() -> Iterator[dict[str, Any]]:
        for number in count():
            yield {"a": f"text {number}"}

    pieces = list(islice(encode([Column("a", "text", "")], endless()), 5))
    assert len(pieces) == 5
    assert all(pieces)


@pytest.mark.parametrize(
    ("address", "status", "code", "named"),
    [
        ("metrics.xlsx", 422, "invalid_value", "format"),
        ("metrics.csv?from=May", 422, "invalid_value", "from"),
        ("metrics.csv?grain=year", 422, "invalid_value", "grain"),
        ("metrics.csv?by=text", 422, "invalid_value", "by"),
        ("metrics.csv?by=channel&grain=day", 422, "invalid_value", "grain"),
        ("metrics.csv?touchpoint=nowhere", 404, "unknown_touchpoint", "touchpoint"),
        ("comments.csv?issue=nothing", 422, "invalid_value", "issue"),
        ("comments.csv?limit=5", 422, "unknown_field", "limit"),
    ],
)
def test_a_bad_question_is_named(
    filled: TestClient, address: str, status: int, code: str, named: str
) -> None:
    answer = filled.get(f"/v1/exports/{address}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert named in answer.json()["detail"]


def test_the_command_writes_what_is_served(
    filled: TestClient, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    for name, ending in (("metrics", "csv"), ("comments", "csv"), ("comments", "parquet")):
        file = tmp_path / f"{name}.{ending}"
        done = CliRunner().invoke(main, ["export", name, "--output", str(file), "--touchpoint", "billing"])
        assert done.exit_code == 0, done.output
        assert file.read_bytes() == filled.get(f"/v1/exports/{name}.{ending}?touchpoint=billing").content
    nobody = CliRunner().invoke(
        main, ["export", "comments", "--output", "-", "--format", "csv", "--tenant", "x"]
    )
    assert nobody.stdout_bytes.count(b"\r\n") == 1
    wrong = CliRunner().invoke(main, ["export", "comments", "--output", str(tmp_path / "a.xlsx")])
    assert (wrong.exit_code, "must end in .csv or .parquet" in wrong.output) == (2, True)
    assert not (tmp_path / "a.xlsx").exists()


def test_what_was_counted_on_a_sample_says_so(filled: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parquet_rows(filled, "/v1/exports/metrics.parquet?by=channel")
    assert {one["sampled_from"] for one in whole} == {None}
    monkeypatch.setattr(segments, "SAMPLE", 20)
    part = parquet_rows(filled, "/v1/exports/metrics.parquet?by=channel")
    assert {one["sampled_from"] for one in part} == {60}
