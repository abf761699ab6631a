"""Files that are not what they should be: the job says what and where, and keeps what came before."""

import gzip
import io
import random
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

import models
from service import repository as comments
from service.database import read
from service.files import open_source
from service.jobs import repository
from service.jobs.records import Job
from service.jobs.worker import Worker
from service.settings import Settings
from tests.service.jobs.conftest import jsonl

Upload = Callable[..., Job]
noise = random.Random(7)
ROWS: list[dict[str, Any]] = [
    {"id": f"r{i}", "text": f"Nobody fixed my bill {noise.randbytes(30).hex()}."} for i in range(300)
]


@pytest.fixture
def done(engine: Engine, settings: Settings, upload: Upload, pipeline: models.Pipeline) -> Callable[..., Job]:
    limited = settings.model_copy(update={"max_unpacked_bytes": 2_000_000})
    worker = Worker(engine, limited, lambda: pipeline.analyze, threading.Event())

    def make(content: bytes, ending: str, **options: Any) -> Job:
        job = upload(content, ending, **options)
        worker.step()
        with read(engine) as conn:
            return repository.by_key(conn, job.key)

    return make


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_packed_files_are_read(done: Callable[..., Job], packing: str) -> None:
    job = done(pack(jsonl(ROWS), packing), f"jsonl{packing}")
    assert (job.state, job.total, job.created) == ("done", 300, 300)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_members_one_after_the_other_are_one_file(done: Callable[..., Job], packing: str) -> None:
    halves = [pack(jsonl(half), packing) for half in (ROWS[:150], ROWS[150:])]
    assert done(b"".join(halves), f"jsonl{packing}").created == 300


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_truncated_file_keeps_the_rows_before_its_end(done: Callable[..., Job], packing: str) -> None:
    # zstd gives out blocks of 128 KiB.
    rows = [row | {"metadata": {"noise": noise.randbytes(240).hex()}} for row in ROWS * 3]
    rows = [row | {"id": f"n{place}"} for place, row in enumerate(rows)]
    packed = pack(jsonl(rows), packing)
    job = done(packed[: len(packed) * 2 // 3], f"jsonl{packing}")
    assert (job.state, job.error_code) == ("failed", "truncated_file")
    assert 100 < job.position == job.created + job.failed < 900
    # The last row may be half a line.
    assert job.failed <= 1
    assert f"after row {job.position}" in str(job.error_detail)
    again = done(packed, f"jsonl{packing}")
    assert (again.replayed, again.created) == (job.created, 900 - job.created)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_damaged_file_is_told(done: Callable[..., Job], packing: str) -> None:
    assert done(b"not packed at all", f"csv{packing}").error_code == "corrupt_file"


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst", "csv.gz", "parquet.gz", "parquet.zst"])
def test_a_bomb_does_not_go_off(done: Callable[..., Job], ending: str) -> None:
    packing = ending[-3:] if ending.endswith(".gz") else ending[-4:]
    bomb = pack(b"\n" * 50_000_000, packing)
    assert len(bomb) < 100_000
    job = done(bomb, ending)
    assert (job.state, job.error_code, job.position) == ("failed", "file_too_large", 0)


def test_empty_lines_are_no_rows(done: Callable[..., Job]) -> None:
    content = b"\n" * 200_000 + jsonl(ROWS[:1]) + b" \r\n" * 200_000
    assert (done(content, "jsonl").created, done(content, "jsonl").total) == (1, 1)
    csv = b"id,text\n" + b"\n" * 200_000 + b"x,fine\n" + b"\n" * 200_000
    assert (done(csv, "csv").created, done(csv, "csv").total) == (1, 1)


@pytest.mark.parametrize(
    ("content", "ending", "columns", "code", "hint"),
    [
        (b"id,answer\n1,x\n", "csv", {}, "invalid_header", "columns: text=COLUMN"),
        (b"id,answer\n1,x\n", "csv", {"text": "comment"}, "invalid_header", '"comment"'),
        ("id,text\n1,fine\n2,caf\xe9\n".encode("latin-1"), "csv", {}, "invalid_encoding", "line 3"),
        (b"\xff\xfei\x00d\x00", "csv", {}, "invalid_encoding", "line 1"),
        (b'id,text\n1,"open', "csv", {}, "invalid_csv", "line 2"),
        (b"id,text\n1," + b"x" * 4_000_001, "csv", {}, "invalid_csv", "line 2"),
        (b"PAR1 not really", "parquet", {}, "invalid_parquet", "not a Parquet file"),
        (b"", "csv", {}, "invalid_header", "nothing"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    done: Callable[..., Job], content: bytes, ending: str, columns: dict[str, str], code: str, hint: str
) -> None:
    job = done(content, ending, columns=columns)
    assert (job.state, job.error_code) == ("failed", code)
    assert hint in str(job.error_detail)


def test_mixed_encodings_are_errors_of_their_lines(done: Callable[..., Job]) -> None:
    content = '{"id":"a","text":"café"}\n'.encode() + '{"id":"b","text":"café"}\n'.encode("latin-1")
    job = done(content, "jsonl")
    assert (job.state, job.created, job.failed) == ("done", 1, 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_lines_in_another_unicode_are_told(done: Callable[..., Job], encoding: str) -> None:
    lines = '{"id":"a","text":"fine"}\n{"id":"b","text":"café"}\n'.encode(encoding)
    job = done(lines, "jsonl")
    assert (job.state, job.created) == ("done", 0)
    assert job.failed >= 2


def test_null_characters_are_errors_of_their_rows(done: Callable[..., Job], engine: Engine) -> None:
    lines = (
        b'{"id":"a","text":"fine"}\n{"id":"b","text":"nu\\u0000ll"}\n{"id":"c","text":"nu\x00ll"}\n\x00\x00\n'
    )
    job = done(lines, "jsonl")
    assert (job.state, job.created, job.failed) == ("done", 1, 3)
    with read(engine) as conn:
        codes = [item.code for item in repository.errors(conn, job.key, 10)]
    assert codes == ["invalid_text", "invalid_json", "invalid_json"]
    csv = done(b"id,text\na,fine\nb,nu\x00ll\nc\x00,fine\nd,fine\n", "csv")
    assert (csv.state, csv.created, csv.replayed, csv.failed) == ("done", 1, 1, 2)


def test_a_line_of_latin_1_in_the_middle_keeps_what_came_before(done: Callable[..., Job]) -> None:
    text = "id,text\n" + "".join(f"e{i},café\n" for i in range(100))
    mixed = text.encode() + "bad,caf\xe9\n".encode("latin-1") + b"after,fine\n"
    job = done(mixed, "csv")
    assert (job.state, job.error_code, job.position, job.created) == ("failed", "invalid_encoding", 100, 100)
    assert "line 102" in str(job.error_detail)
    mended = text.encode() + "bad,café\n".encode() + b"after,fine\n"
    again = done(mended, "csv")
    assert (again.state, again.created, again.replayed) == ("done", 2, 100)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "jsonl.gz"])
def test_empty_lines_take_no_memory(tmp_path: Path, ending: str) -> None:
    """`python -m tests.memory --empty-lines 10000000` measures it on a larger scale."""
    file = tmp_path / f"in.{ending}"
    content = b"id,text\n" * (ending == "csv") + b"\n" * 300_000
    file.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    source = open_source(str(file))
    assert list(source.rows()) == []
    tracemalloc.start()
    try:
        assert (list(source.rows()), source.count()) == ([], 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000, f"{peak:,} bytes"


def test_parquet_with_nested_and_null_columns(done: Callable[..., Job]) -> None:
    nulls = pa.table({"id": ["a", "b"], "text": ["fine", None], "channel": pa.nulls(2)})
    job = done(parquet(nulls), "parquet")
    assert (job.state, job.created, job.failed) == ("done", 1, 1)
    nested = pa.table({"id": ["a"], "text": ["fine"], "customer_id": [["u1"]]})
    assert done(parquet(nested), "parquet").error_code == "invalid_parquet"
    assert done(pack(parquet(nulls), ".zst"), "parquet.zst").replayed == 1


@pytest.mark.parametrize("kind", [pa.binary(), pa.string(), pa.dictionary(pa.int32(), pa.binary())])
def test_parquet_bytes_are_text_or_an_error_of_their_row(
    done: Callable[..., Job], engine: Engine, kind: pa.DataType
) -> None:
    texts = unchecked(["café".encode(), "café".encode("latin-1"), b"nu\x00ll", b"fine"], kind)
    job = done(parquet(pa.table({"id": ["a", "b", "c", "d"], "text": texts})), "parquet")
    assert (job.state, job.created, job.failed) == ("done", 2, 2)
    with read(engine) as conn:
        stored = comments.get(conn, "default", "a")
        errors = [(one.place, one.code, one.field) for one in repository.errors(conn, job.key, 10)]
        assert [comments.get(conn, "default", id) for id in "bc"] == [None, None]
    assert stored is not None
    assert stored.record.text == "café"
    assert errors == [(1, "invalid_encoding", "text"), (2, "invalid_text", "text")]


def unchecked(values: list[bytes], kind: pa.DataType) -> pa.Array:
    """Of this type, whatever the bytes are: writers do not always look."""
    raw = pa.array(values, pa.binary())
    return pa.Array.from_buffers(kind, len(raw), raw.buffers()) if kind == pa.string() else raw.cast(kind)


def pack(data: bytes, packing: str) -> bytes:
    if packing == ".gz":
        return gzip.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return bytes(sink.getvalue())


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
