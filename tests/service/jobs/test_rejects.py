"""The rows that a job rejected: given back as they came, corrected, sent again, and gone when they should be."""

import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.commands.backfill import backfill
from service.commands.jobs import jobs as jobs_command
from service.database import read, write
from service.jobs import rejects, storage
from service.jobs.tables import job as job_table
from service.jobs.tables import job_item
from service.jobs.worker import Worker, clear
from service.settings import Settings
from tests.service.jobs.conftest import at_most, jsonl

LINES = {"content-type": "application/x-ndjson"}
BAD: list[Any] = [
    {"id": "good", "text": "Agent was kind."},
    {"id": "bad", "text": "Nobody fixed my bill.", "scores": {"nps": 12}, "customer_id": "u1"},
    7,
]


@pytest.fixture
def client(settings: Settings, pipeline: models.Pipeline) -> Iterator[TestClient]:
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def engine_of(client: TestClient) -> sa.Engine:
    engine: sa.Engine = client.app.state.parts.engine  # type: ignore[attr-defined]
    return engine


@pytest.fixture
def work(engine_of: sa.Engine, settings: Settings, pipeline: models.Pipeline) -> Any:
    return Worker(engine_of, settings, lambda: pipeline.analyze, threading.Event()).step


@pytest.fixture
def sent(client: TestClient, work: Any) -> Callable[..., str]:
    """The address of a job that is done."""

    def send(content: bytes, query: str = "?format=jsonl") -> str:
        answer = client.post(f"/v1/jobs{query}", content=content, headers=LINES)
        assert answer.status_code == 202, answer.text
        assert work()
        return str(answer.headers["location"])

    return send


def lines(client: TestClient, url: str) -> list[dict[str, Any]]:
    answer = client.get(f"{url}/rejects")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_rejected_rows_are_corrected_and_sent_again(
    client: TestClient, sent: Any, settings: Settings
) -> None:
    url = sent(jsonl(BAD) + b"no JSON\n" + '{"id":"l","text":"café"}\n'.encode("latin-1"))
    assert client.get(url).json()["rejects_until"] is not None
    bad, number, broken, latin = lines(client, url)
    assert {name: bad[name] for name in BAD[1]} == BAD[1]
    assert (bad["rejected"]["index"], bad["rejected"]["code"], bad["rejected"]["field"]) == (
        1,
        "out_of_range",
        "scores.nps",
    )
    assert number == {"line": "7", "rejected": number["rejected"]}
    assert (broken["line"], broken["rejected"]["code"]) == ("no JSON", "invalid_json")
    assert (latin["line"], latin["rejected"]["code"]) == ('{"id":"l","text":"caf\\xe9"}', "invalid_encoding")
    # Of the file itself nothing is left, and what was sound is nowhere but in the store.
    (left,) = storage.folder_of(settings).iterdir()
    assert (left.suffix, b"good" in left.read_bytes()) == (".rejects", False)
    bad["scores"]["nps"] = 2
    again = sent(jsonl([bad]))
    assert client.get(again).json()["counts"]["created"] == 1
    assert lines(client, again) == []
    assert client.get("/v1/comments/bad").json()["scores"]["nps"] == 2


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_they_have_our_names_and_the_ids_of_their_rows(client: TestClient, sent: Any, ending: str) -> None:
    if ending == "parquet":
        out = io.BytesIO()
        table = {"answer": ["fine", "slow"], "Score": [9, 99], "day": [datetime(2026, 1, 2, tzinfo=UTC)] * 2}
        pq.write_table(pa.table(table), out)
        content = out.getvalue()
    else:
        content = b"answer,Score,day\nfine,9,2026-01-02T00:00:00Z\nslow,99,2026-01-02T00:00:00Z\n"
    columns = '{"text":"answer","nps":"Score","occurred_at":"day"}'
    options = f"&columns={columns}&ids=oct&touchpoint=till"
    url = sent(gzip.compress(content) if ending.endswith("gz") else content, f"?format={ending}{options}")
    (row,) = lines(client, url)
    assert row.pop("rejected")["index"] == 1
    assert row.pop("occurred_at").startswith("2026-01-02T00:00:00")
    assert row == {"text": "slow", "scores": {"nps": 99}, "id": "oct-2", "touchpoint": "till"}


def test_a_record_with_too_many_cells_is_given_as_a_line(client: TestClient, sent: Any) -> None:
    url = sent(b'id,text\na,"x, y",z\n', "?format=csv")
    (row,) = lines(client, url)
    assert (row["line"], row["rejected"]["code"]) == ('a,"x, y",z', "invalid_csv")


def test_a_file_that_breaks_off_gives_back_what_was_rejected_before(client: TestClient, sent: Any) -> None:
    url = sent(b"id,text\na,\x00\nb,fine\nc,caf\xe9\n", "?format=csv")
    job = client.get(url).json()
    assert (job["state"], job["error"]["code"], job["position"]) == ("failed", "invalid_encoding", 2)
    assert [row["rejected"]["code"] for row in lines(client, url)] == ["invalid_text"]


def test_not_before_the_end_and_not_for_ever(
    client: TestClient, work: Any, settings: Settings, engine_of: sa.Engine
) -> None:
    url = client.post("/v1/jobs", content=jsonl(BAD), headers=LINES).headers["location"]
    early = client.get(f"{url}/rejects")
    assert (early.status_code, early.json()["code"]) == (409, "job_active")
    work()
    assert len(lines(client, url)) == 2
    clear(engine_of, settings)
    assert len(lines(client, url)) == 2
    with write(engine_of) as conn:
        past = job_table.c.rejects_until.type
        conn.execute(
            job_table.update().values(rejects_until=sa.literal(datetime.now(UTC) - timedelta(days=1), past))
        )
    clear(engine_of, settings)
    late = client.get(f"{url}/rejects")
    assert (late.status_code, late.json()["code"]) == (410, "rejects_gone")
    assert client.get(url).json()["rejects_until"] is None
    assert list(storage.folder_of(settings).iterdir()) == []
    assert client.get("/v1/jobs/none/rejects").json()["code"] == "unknown_job"


def test_they_go_with_the_job(client: TestClient, sent: Any, settings: Settings) -> None:
    url = sent(jsonl(BAD))
    assert client.delete(url).status_code == 204
    assert list(storage.folder_of(settings).iterdir()) == []


def test_none_are_kept_where_nobody_wants_them(
    client: TestClient, settings: Settings, engine_of: sa.Engine, pipeline: models.Pipeline
) -> None:
    url = client.post("/v1/jobs", content=jsonl(BAD), headers=LINES).headers["location"]
    unkept = settings.model_copy(update={"keep_rejects_days": 0})
    Worker(engine_of, unkept, lambda: pipeline.analyze, threading.Event()).step()
    assert client.get(f"{url}/rejects").json()["code"] == "rejects_gone"
    assert list(storage.folder_of(settings).iterdir()) == []


def test_what_is_erased_is_not_given_back(
    client: TestClient, sent: Any, settings: Settings, engine_of: sa.Engine
) -> None:
    url = sent(jsonl([*BAD, BAD[1] | {"id": "other", "customer_id": "u2"}, BAD[1] | {"id": "last"}]))
    assert [row.get("id") for row in lines(client, url)] == ["bad", None, "other", "last"]
    client.delete("/v1/comments?customer_id=u1")
    client.delete("/v1/comments/other")
    assert [row.get("line") for row in lines(client, url)] == ["7"]
    clear(engine_of, settings)
    (kept,) = storage.folder_of(settings).iterdir()
    assert kept.read_bytes().count(b"\n") == 1
    assert b"u1" not in kept.read_bytes()
    assert [row.get("line") for row in lines(client, url)] == ["7"]


def test_a_full_disk_ends_no_job_otherwise(client: TestClient, work: Any, settings: Settings) -> None:
    rows = [BAD[0], {"id": "long", "text": "x" * 3_500_000}]
    id = client.post("/v1/jobs", content=jsonl(rows), headers=LINES).json()["id"]
    with at_most(3_000_000):
        work()
    assert client.get(f"/v1/jobs/{id}").json()["state"] == "done"
    assert client.get(f"/v1/jobs/{id}/rejects").status_code == 410
    assert list(storage.folder_of(settings).iterdir()) == []


@pytest.mark.parametrize("stream", [False, True])
def test_from_the_command_line(settings: Settings, tmp_path: Path, stream: bool) -> None:
    environment = {
        "LISTENWELL_MODEL": "weightless",
        "LISTENWELL_DATABASE_URL": settings.database_url,
        "LISTENWELL_FILES": str(settings.files),
    }
    file, rejects = tmp_path / "in.jsonl", tmp_path / "rejects.jsonl"
    file.write_bytes(jsonl([{"id": f"r{i}", "text": "Fine."} for i in range(100)] + BAD))
    given = ["-" if stream else str(file), "--rejects", str(rejects)]
    done = CliRunner().invoke(backfill, given, env=environment, input=file.read_bytes())
    assert done.exit_code == 1, done.output
    first, second = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (first["id"], first["rejected"]["index"], second["line"]) == ("bad", 101, "7")
    first["scores"]["nps"] = 1
    file.write_text(json.dumps(first))
    done = CliRunner().invoke(backfill, [str(file)], env=environment)
    assert (done.exit_code, "1 created" in done.stdout) == (0, True), done.output


def test_the_command_for_jobs(client: TestClient, sent: Any, settings: Settings, tmp_path: Path) -> None:
    id = sent(jsonl(BAD)).rpartition("/")[2]
    environment = {
        "LISTENWELL_DATABASE_URL": settings.database_url,
        "LISTENWELL_FILES": str(settings.files),
    }
    out = tmp_path / "out.jsonl"
    done = CliRunner().invoke(jobs_command, ["rejects", id, "--output", str(out)], env=environment)
    assert done.exit_code == 0, done.output
    assert out.read_text() == client.get(f"/v1/jobs/{id}/rejects").text
    # Nothing is cancelled, and nothing is lost.
    late = CliRunner().invoke(jobs_command, ["cancel", id], env=environment)
    assert (late.exit_code, late.output) == (0, "it had ended: done\n")
    assert len(lines(client, f"/v1/jobs/{id}")) == 2


def test_the_command_cancels_a_job_and_its_file_goes(client: TestClient, settings: Settings) -> None:
    id = client.post("/v1/jobs", content=jsonl(BAD), headers=LINES).json()["id"]
    environment = {"LISTENWELL_DATABASE_URL": settings.database_url, "LISTENWELL_FILES": str(settings.files)}
    done = CliRunner().invoke(jobs_command, ["cancel", id], env=environment)
    assert (done.exit_code, done.output) == (0, "cancelled\n")
    assert list(storage.folder_of(settings).iterdir()) == []


def test_where_comments_are_masked_rejects_are_too(
    client: TestClient, settings: Settings, engine_of: sa.Engine, pipeline: models.Pipeline
) -> None:
    masking = settings.model_copy(update={"mask": ("email",)})
    rows = [{"id": "a", "text": "Write to ann.lee@example.com.", "scores": {"nps": 12}}]
    broken = b"no JSON of ann.lee@example.com\n"
    url = client.post("/v1/jobs?format=jsonl", content=jsonl(rows) + broken).headers["location"]
    Worker(engine_of, masking, lambda: pipeline.analyze, threading.Event()).step()
    given = lines(client, url)
    assert [row["rejected"]["code"] for row in given] == ["out_of_range", "invalid_json"]
    assert "example.com" not in json.dumps(given)
    assert len(given[0]["text"]) == len(rows[0]["text"])  # type: ignore[arg-type]


def test_an_erased_comments_id_is_in_no_list_of_errors(
    client: TestClient, sent: Any, engine_of: sa.Engine, settings: Settings
) -> None:
    url = sent(jsonl([{"id": "n1", "text": "fine"}, {"id": "n1", "text": "twice"}, {"id": "n2", "text": 7}]))
    assert [one["id"] for one in client.get(f"{url}/errors").json()["errors"]] == ["n1", "n2"]
    assert client.delete("/v1/comments/n1").status_code == 204
    with write(engine_of) as conn:
        conn.execute(job_table.update().values(rejects_until=None))
    clear(engine_of, settings)
    assert [one["id"] for one in client.get(f"{url}/errors").json()["errors"]] == [None, "n2"]


@pytest.mark.parametrize("kept", [0, 7])
@pytest.mark.parametrize("how", ["comment", "customer"])
def test_erased_ids_are_in_no_error_of_an_ended_job(
    client: TestClient, sent: Any, engine_of: sa.Engine, how: str, kept: int
) -> None:
    row = {"id": "n1", "text": "fine", "customer_id": "u1"}
    url = sent(jsonl([row, row, {"id": "n2", "text": 7}]))
    if not kept:
        with write(engine_of) as conn:
            conn.execute(job_table.update().values(rejects_until=None))
    client.delete("/v1/comments/n1" if how == "comment" else "/v1/comments?customer_id=u1")
    assert client.delete("/v1/comments/n2").status_code == 404
    assert [one["id"] for one in client.get(f"{url}/errors").json()["errors"]] == [None, None]
    with read(engine_of) as conn:
        assert not conn.scalars(
            sa.select(job_item.c.comment_id).where(job_item.c.comment_id.is_not(None))
        ).all()


def test_they_are_kept_where_the_database_was_away_for_a_moment(
    client: TestClient, sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, buried = [], rejects.buried

    def away_at_first(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise sa.exc.OperationalError("SELECT", {}, Exception("away"))
        return buried(*given)

    monkeypatch.setattr(rejects, "buried", away_at_first)
    assert [row.get("id") for row in lines(client, sent(jsonl(BAD)))] == ["bad", None]


def test_those_of_a_job_that_is_cancelled_while_they_are_written_are_removed(
    client: TestClient, work: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = client.post("/v1/jobs", content=jsonl(BAD), headers=LINES).headers["location"]
    keep = rejects.keep

    def late(*given: Any) -> bool:
        kept = keep(*given)
        assert client.delete(url).json()["state"] == "cancelled"
        # As by a worker that renames its file only now.
        return keep(given[0], given[1], [{"id": "bad", "text": "secret"}]) and kept

    monkeypatch.setattr(rejects, "keep", late)
    work()
    assert list(storage.folder_of(settings).iterdir()) == []
    storage.rejects_of(storage.folder_of(settings), url.rpartition("/")[2]).write_text('{"id": "bad"}\n')
    assert client.get(f"{url}/rejects").json()["code"] == "rejects_gone"


def test_what_is_no_number_of_json_is_its_word(client: TestClient, sent: Any) -> None:
    (row,) = lines(client, sent(b'{"id": "a", "text": "fine", "metadata": {"x": 1e999}}\n'))
    assert row["metadata"] == {"x": "Infinity"}


def test_long_ones_are_written_a_few_at_once(
    client: TestClient, sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    portions, without = [], rejects._without_erased

    def noted(engine: sa.Engine, job: Any, rows: list[Any]) -> list[Any]:
        portions.append(len(rows))
        return without(engine, job, rows)

    monkeypatch.setattr(rejects, "_without_erased", noted)
    sent(jsonl({"id": f"r{i}", "text": "x" * 300_000} for i in range(20)))
    assert (sum(portions), max(portions)) == (20, 4)
