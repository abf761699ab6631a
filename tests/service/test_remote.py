"""Files by URL: in memory, on an S3 of our own, over HTTP; what is missing is named, what is secret is not."""

import gzip
import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

import models
from models.command import main
from service.database import read
from service.jobs.run import ALONE, Run
from service.jobs.tables import job
from service.remote import Folder, fetched, file_name, shown

ROWS: list[dict[str, Any]] = [
    {"id": "1", "text": "Checkout was easy.", "touchpoint": "order"},
    {"id": "2", "text": "The parcel was late and nobody told me."},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 on this machine with a bucket "feedback"."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install -e '.[test]'")
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install -e '.[cloud]'")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    system.mkdir("feedback")
    yield system
    system.rm("feedback", recursive=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A folder over HTTP."""
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def analyses(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def test_a_file_in_memory_is_analysed_to_memory(memory: Any) -> None:
    memory.pipe_file("/in/feedback.jsonl.gz", gzip.compress(LINES))
    done = run("analyze", "memory://in/feedback.jsonl.gz", "--output", "memory://out/analyses.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert [one["id"] for one in analyses(memory.cat_file("/out/analyses.jsonl"))] == ["1", "2"]


def test_an_output_that_breaks_off_is_not_there_at_all(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(LINES * 200)[:-40])
    done = run("analyze", "cut.jsonl.gz", "--output", "memory://out/analyses.jsonl")
    assert done.exit_code == 2
    assert "truncated_file" in done.stderr
    assert not memory.exists("/out/analyses.jsonl")


def test_an_output_that_nobody_takes_is_kept_here(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINES)
    memory.pipe_file("/taken", b"")
    done = run("analyze", "in.jsonl", "--output", "memory://taken/analyses.jsonl")
    assert done.exit_code == 2
    assert "[unwritable_file]" in done.stderr
    kept = Path(done.stderr.split("the content is in ")[1].split(" [")[0])
    assert len(analyses(kept.read_bytes())) == 2
    kept.unlink()
    kept.parent.rmdir()


def test_a_bucket_is_back_filled_once(s3: Any, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    with s3.open("feedback/2026/feedback.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist([*ROWS, {"id": None, "text": "No id."}]), file)
    first = run("backfill", "s3://feedback/2026/feedback.parquet")
    assert first.exit_code == 1
    assert "2 created, 0 replayed, 0 replaced, 1 failed" in first.stdout
    assert "row 3: id: is needed to store a comment [missing_field]" in first.stderr
    assert (
        "0 created, 2 replayed, 0 replaced, 1 failed"
        in run("backfill", "s3://feedback/2026/feedback.parquet").stdout
    )
    with read(engine) as conn:
        sources = set(conn.scalars(sa.select(job.c.source)))
    assert sources == {"s3://feedback/2026/feedback.parquet"}


def test_a_bucket_takes_analyses_and_parts(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINES)
    assert run("analyze", "in.jsonl", "--output", "s3://feedback/out/analyses.jsonl").exit_code == 0
    assert [one["id"] for one in analyses(s3.cat_file("feedback/out/analyses.jsonl"))] == ["1", "2"]
    folder = Folder.at("s3://feedback/parts").under("a")
    exercise(folder)
    folder.write("ours.json", b"1")
    assert folder.names() == {"ours.json"}
    s3.pipe_file("feedback/parts/a/theirs.json", b"2")
    assert folder.read("theirs.json") == b"2"
    assert folder.names() == {"ours.json", "theirs.json"}


def test_a_folder_on_this_machine(tmp_path: Path) -> None:
    exercise(Folder.at(str(tmp_path / "parts")).under("a"))
    exercise(Folder.at(f"file://{tmp_path}/more").under("a"))


def exercise(folder: Folder) -> None:
    assert folder.names() == set()
    assert folder.find("a.json") is None
    folder.write("a.json", b"1")
    folder.write("a.json", b"2")
    folder.write("b.json", b"3")
    assert folder.names() == {"a.json", "b.json"}
    assert (folder.find("a.json"), folder.read("b.json")) == (b"2", b"3")
    folder.discard("b.json")
    assert folder.names() == {"a.json"}
    with pytest.raises(models.InputError, match="no such file"):
        folder.read("b.json")
    folder.remove()
    folder.remove()
    assert folder.names() == set()


def test_a_file_over_http(web: str, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install -e '.[cloud]'")
    (tmp_path / "in.jsonl").write_bytes(LINES)
    found = run("analyze", f"{web}/in.jsonl?signature=hush")
    assert [one["id"] for one in analyses(found.stdout.encode())] == ["1", "2"]
    missing = run("analyze", f"{web.replace('://', '://me:hush@')}/none.jsonl?signature=hush")
    assert missing.exit_code == 2
    assert "/none.jsonl: no such file" in missing.stderr
    assert "hush" not in missing.stderr
    assert "http is for reading only" in run("analyze", "in.jsonl", "--output", f"{web}/out.jsonl").stderr


def test_an_interrupted_back_fill_by_url_goes_on(
    memory: Any, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    memory.pipe_file("/in/rows.csv", b"id,text\n" + b"".join(b"r%d,fine\n" % i for i in range(ALONE + 88)))

    def interrupted(self: Run, rows: list[object]) -> None:
        if self.position:
            raise KeyboardInterrupt
        take(self, rows)

    take = Run._take
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_take", interrupted)
        assert run("backfill", "memory://in/rows.csv").exit_code == 130
    again = run("backfill", "memory://in/rows.csv")
    assert f"Going on behind row {ALONE:,}" in again.stderr
    assert f"{ALONE + 88:,} created, 0 replayed, 0 replaced, 0 failed" in again.stdout


def test_a_file_url_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(LINES)
    with fetched(f"file://{tmp_path}/in.jsonl") as path:
        assert path == str(tmp_path / "in.jsonl")


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("ftp://me:hush@host/in.csv", "ftp://: must be one of file://,"),
        ("simplecache::s3://bucket/in.csv", "must be one of"),
        ("s3://bucket/in.csv::file:///etc/passwd", "must be one of"),
        ("memory://none/in.csv", "memory://none/in.csv: no such file, bucket or folder [unreadable_file]"),
    ],
)
def test_what_cannot_be_read_is_named(url: str, detail: str) -> None:
    done = run("analyze", url)
    assert done.exit_code == 2
    assert detail in done.stderr
    assert "hush" not in done.stderr


@pytest.mark.parametrize(
    ("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("abfs", "adlfs"), ("https", "aiohttp")]
)
def test_a_missing_package_is_named(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        one for one in sys.modules if one.startswith((f"{package}.", "fsspec.implementations.http"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, scheme, raising=False)
    done = run("analyze", f"{scheme}://box/in.csv")
    assert done.exit_code == 2
    assert (
        f"{scheme}:// needs the package {package}: pip install -e '.[cloud]' [missing_extra]" in done.stderr
    )


@pytest.mark.parametrize(
    ("url", "harmless"),
    [
        ("https://me:hush@example.com/a.csv?sig=hush#hush", "https://example.com/a.csv"),
        ("https://hush@example.com", "https://example.com"),
        ("s3://KEY:hu/sh@bucket/a.csv", "s3://bucket/a.csv"),
        (
            "abfs://box@account.dfs.core.windows.net/a.csv?sv=hush",
            "abfs://box@account.dfs.core.windows.net/a.csv",
        ),
        ("abfs://box:hush@account.dfs.core.windows.net/a.csv", "abfs://account.dfs.core.windows.net/a.csv"),
        ("feedback@2026.csv", "feedback@2026.csv"),
    ],
)
def test_secrets_of_a_url_are_not_shown(url: str, harmless: str) -> None:
    assert shown(url) == harmless
    assert file_name("gs://bucket/2026/a.csv.gz?generation=1") == "a.csv.gz"


def test_a_host_that_does_not_answer_is_no_missing_file() -> None:
    unreachable = "http://127.0.0.1:9/x.csv"
    with pytest.raises(models.InputError, match="its host cannot be reached") as caught, fetched(unreachable):
        pass
    assert caught.value.code == "unreadable_file"
