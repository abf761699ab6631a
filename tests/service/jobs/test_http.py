"""`/v1/jobs` as a client sees it; a worker on the same database does the work in between."""

import gzip
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.jobs import storage
from service.jobs.worker import Worker
from service.settings import Settings
from tests.service.jobs.conftest import jsonl

ROWS: list[dict[str, Any]] = [{"id": f"r{i}", "text": "Agent was kind."} for i in range(100)]
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 100_000, "max_body_bytes": 1_000})


@pytest.fixture
def client(settings: Settings, pipeline: models.Pipeline) -> Iterator[TestClient]:
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def work(client: TestClient, settings: Settings, pipeline: models.Pipeline) -> Any:
    parts = client.app.state.parts  # type: ignore[attr-defined]
    return Worker(parts.engine, settings, lambda: pipeline.analyze, threading.Event()).step


def files(settings: Settings) -> list[Path]:
    folder = storage.folder_of(settings)
    return list(folder.iterdir()) if folder.exists() else []


def test_a_file_goes_in_and_its_results_come_out_again_and_again(client: TestClient, work: Any) -> None:
    answer = client.post("/v1/jobs", content=jsonl([*ROWS, {"id": "bad"}]), headers=LINES)
    assert answer.status_code == 202
    url = answer.headers["location"]
    job = client.get(url).json()
    assert job == answer.json()
    assert (job["state"], job["position"], job["total"], job["eta_seconds"]) == ("queued", 0, None, None)
    work()
    job = client.get(url).json()
    assert (job["state"], job["position"], job["total"]) == ("done", 101, 101)
    assert job["counts"] == {"created": 100, "replayed": 0, "replaced": 0, "failed": 1}
    (error,) = client.get(f"{url}/errors").json()["errors"]
    assert (error["id"], error["index"], error["code"]) == ("bad", 100, "missing_field")
    for _ in range(2):
        results = client.get(f"{url}/results")
        assert results.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in results.text.splitlines()]
        assert [line["id"] for line in lines] == [f"r{i}" for i in range(100)]
        assert lines[0]["outcome"] == "created"
        assert lines[0]["strengths"]
    client.delete("/v1/comments/r7")
    assert '"r7"' not in client.get(f"{url}/results").text
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert client.get("/v1/comments/r8").status_code == 200


def test_a_form_with_its_options(client: TestClient, work: Any) -> None:
    content = gzip.compress(b"answer;,Score\nEasy,9\nSlow,x\n")
    fields = {"columns": '{"text": "answer;", "nps": "Score"}', "touchpoint": "till", "ids": "oct"}
    answer = client.post("/v1/jobs", data=fields, files={"file": ("C:\\shop\\ok.csv.gz", content)})
    assert (answer.status_code, answer.json()["name"]) == (202, "ok.csv.gz")
    work()
    job = client.get(answer.headers["location"]).json()
    assert (job["state"], job["counts"]["created"], job["counts"]["failed"]) == ("done", 1, 1)
    assert client.get("/v1/comments/oct-1").json()["touchpoint"] == "till"


@pytest.mark.parametrize(
    ("query", "headers", "name"),
    [
        ("?format=ndjson.gz", {}, "file.jsonl.gz"),
        ("?format=JSONL.gz", {"content-type": "text/csv"}, "file.jsonl.gz"),
        ("", LINES | {"content-encoding": "gzip"}, "file.jsonl.gz"),
    ],
)
def test_the_format_is_told_in_several_ways(
    client: TestClient, work: Any, query: str, headers: dict[str, str], name: str
) -> None:
    answer = client.post(f"/v1/jobs{query}", content=gzip.compress(jsonl(ROWS)), headers=headers)
    assert answer.json()["name"] == name
    work()
    assert client.get(answer.headers["location"]).json()["counts"]["created"] == 100


def test_the_same_key_is_the_same_job(client: TestClient, settings: Settings) -> None:
    headers = LINES | {"idempotency-key": "k-1"}
    first = client.post("/v1/jobs", content=jsonl(ROWS), headers=headers)
    again = client.post("/v1/jobs", content=jsonl(ROWS), headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotency-replayed"] == "true"
    for content, query in ((jsonl(ROWS[1:]), ""), (jsonl(ROWS), "?touchpoint=till")):
        other = client.post(f"/v1/jobs{query}", content=content, headers=headers)
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(files(settings)) == 1


def test_pages(client: TestClient, work: Any) -> None:
    for number in range(3):
        client.post("/v1/jobs", content=jsonl([{"id": f"{number}"}] * 3), headers=LINES)
        work()
    first = client.get("/v1/jobs?limit=2").json()
    second = client.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}").json()
    ids = [job["id"] for job in (*first["jobs"], *second["jobs"])]
    assert (len(set(ids)), second["next_cursor"]) == (3, None)
    url = f"/v1/jobs/{ids[0]}/errors"
    page = client.get(f"{url}?limit=2").json()
    assert [e["index"] for e in page["errors"]] == [0, 1]
    rest = client.get(f"{url}?limit=2&cursor={page['next_cursor']}").json()
    assert ([e["index"] for e in rest["errors"]], rest["next_cursor"]) == ([2], None)
    lines = client.get(url, headers={"accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]
    for wrong in (f"{url}?cursor=x", "/v1/jobs?cursor=x"):
        assert client.get(wrong).json()["code"] == "invalid_cursor"


def test_a_page_goes_on_behind_a_job_that_is_gone(client: TestClient, work: Any) -> None:
    urls = []
    for number in range(4):
        answer = client.post("/v1/jobs", content=jsonl([{"id": f"{number}"}]), headers=LINES)
        urls.append(answer.headers["location"])
        work()
    first = client.get("/v1/jobs?limit=2").json()
    assert client.delete(urls[2]).status_code == 204
    second = client.get(f"/v1/jobs?limit=1&cursor={first['next_cursor']}").json()
    third = client.get(f"/v1/jobs?limit=1&cursor={second['next_cursor']}").json()
    ids = [job["id"] for page in (first, second, third) for job in page["jobs"]]
    assert [f"/v1/jobs/{id}" for id in ids] == urls[::-1]
    assert third["next_cursor"] is None


def test_a_cancelled_job_keeps_no_file(client: TestClient, settings: Settings, work: Any) -> None:
    url = client.post("/v1/jobs", content=jsonl(ROWS), headers=LINES).headers["location"]
    assert client.delete(url).json()["state"] == "cancelled"
    assert files(settings) == []
    assert not work()
    assert client.delete(url).status_code == 204
    assert client.delete(url).json()["code"] == "unknown_job"


@pytest.mark.parametrize(
    ("query", "content", "headers", "status", "code"),
    [
        ("", b"", LINES, 422, "empty_file"),
        ("", b"x" * 100_001, LINES, 413, "body_too_large"),
        ("", b"x", {"content-type": "text/plain"}, 422, "unknown_format"),
        ("?format=xlsx", b"x", LINES, 422, "unknown_format"),
        ("?columns=text", b"x", LINES, 422, "invalid_value"),
        ('?columns={"stars":"x"}', b"x", LINES, 422, "unknown_field"),
        ('?columns={"text":7}', b"x", LINES, 422, "invalid_value"),
        ("?touchpoint=A+B", b"x", LINES, 422, "invalid_value"),
        ("?ids=%00", b"x", LINES, 422, "invalid_value"),
        ("?ids=../x", b"x", LINES, 422, "invalid_value"),
        ("?colour=red", b"x", LINES, 422, "unknown_field"),
        (f"?sha256={sha256(b'y').hexdigest()}", b"x", LINES, 422, "digest_mismatch"),
        ("", b"x", LINES | {"idempotency-key": "k" * 256}, 422, "invalid_value"),
        ("", b"x", {"content-type": "multipart/form-data"}, 422, "invalid_body"),
        ("", b"--b\r\nnonsense", {"content-type": "multipart/form-data; boundary=b"}, 422, "invalid_body"),
        ("", b"--b--\r\n", {"content-type": "multipart/form-data; boundary=b"}, 422, "invalid_body"),
        ("", b"x", {"content-type": f"multipart/form-data; boundary={'b' * 257}"}, 422, "invalid_body"),
        ('?columns={"text":"a","text":"b"}', b"x", LINES, 422, "duplicate_field"),
        ("", b"x", LINES | {"sec-fetch-site": "cross-site"}, 403, "cross_site"),
    ],
)
def test_what_is_refused_leaves_nothing(
    client: TestClient,
    settings: Settings,
    query: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = client.post(f"/v1/jobs{query}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert files(settings) == []
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_form_that_is_cut_off_leaves_nothing(client: TestClient, settings: Settings) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid,text\r\n1,a'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/v1/jobs", content=part, headers=headers).json()["code"] == "invalid_body"
    assert client.post("/v1/jobs", content=part + b"\r\n--b--\r\n", headers=headers).status_code == 202
    two = client.post("/v1/jobs", files=[("file", ("a.csv", b"x")), ("file", ("b.csv", b"y"))])
    assert two.json()["code"] == "invalid_body"
    many = client.post("/v1/jobs", data={"columns": "x" * 70_000}, files={"file": ("a.csv", b"x")})
    assert many.json()["code"] == "invalid_body"
    assert len(files(settings)) == 1


def test_a_full_disk_is_told(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    # A device that takes nothing, where the file would be written.
    folder = storage.folder_of(settings)
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.routes.jobs.secrets.token_hex", lambda _: "f" * 32)
        (folder / f"{'f' * 32}.part").symlink_to("/dev/full")
        answer = client.post("/v1/jobs", content=jsonl(ROWS), headers=LINES)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert files(settings) == []
