"""Rows of files: what is wrong with the file ends it by name, what is wrong with a line is that line's error."""

import gzip
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import models
from service.files import open_source
from service.packed import BrokenLineError


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def rows(path: str, **columns: str) -> list[object]:
    return list(open_source(path, columns).rows())


def fault(path: str, **columns: str) -> models.InputError:
    with pytest.raises(models.InputError) as caught:
        rows(path, **columns)
    return caught.value


def test_csv_cells_become_fields(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a.csv",
        "id,text,nps,csat,metadata.region,occurred_at\r\n"
        'r1,"Two lines,\nand ""quotes""",9,,north,2026-11-01T08:00:00Z\r\n'
        "r2,,,4.0,,\r\n\r\n",
    )
    assert rows(path) == [
        {
            "id": "r1",
            "text": 'Two lines,\nand "quotes"',
            "scores": {"nps": 9},
            "metadata": {"region": "north"},
            "occurred_at": "2026-11-01T08:00:00Z",
        },
        {"id": "r2", "text": "", "scores": {"csat": 4.0}},
    ]
    assert open_source(path).count() == 2


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "a.csv", b"\xef\xbb\xbftext,id\nfine,1\n")) == [{"text": "fine", "id": "1"}]


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "Antwort,Note,Region\nAlles gut,10,Nord\n")
    mapped = rows(path, text="Antwort", nps="Note", **{"metadata.region": "Region"})
    assert mapped == [{"text": "Alles gut", "scores": {"nps": 10}, "metadata": {"region": "Nord"}}]


def test_a_wrong_header_names_what_was_found(tmp_path: Path) -> None:
    error = fault(written(tmp_path, "a.csv", "id,comment\n1,hello\n"))
    assert error.code == "invalid_header"
    assert '"id", "comment"' in error.detail
    assert "--map text=COLUMN" in error.detail


@pytest.mark.parametrize(
    ("header", "columns", "code", "hint"),
    [
        ("id;text", {}, "invalid_header", "commas"),
        ("id,text,text", {}, "invalid_header", "several columns"),
        (",text", {}, "invalid_header", "column 1 has no name"),
        ("", {}, "invalid_header", "nothing"),
        ("id,text,region", {}, "unknown_field", "--map metadata.region=region"),
        ("id,text", {"nps": "score"}, "invalid_header", '"score"'),
        ("id,text", {"stars": "id"}, "unknown_field", "stars"),
    ],
)
def test_headers_that_are_refused(
    tmp_path: Path, header: str, columns: dict[str, str], code: str, hint: str
) -> None:
    error = fault(written(tmp_path, "a.csv", f"{header}\n"), **columns)
    assert error.code == code
    assert hint in error.detail


def test_latin_1_is_told_with_its_line_and_the_remedy(tmp_path: Path) -> None:
    error = fault(written(tmp_path, "a.csv", "id,text\n1,fine\n2,caf\xe9\n".encode("latin-1")))
    assert error.code == "invalid_encoding"
    assert "line 3" in error.detail
    assert "CSV UTF-8" in error.detail


@pytest.mark.parametrize("broken", ['2,"never closed\n3,more\n', '2,"closed"too early\n'])
def test_a_broken_quote_is_told_with_its_line(tmp_path: Path, broken: str) -> None:
    error = fault(written(tmp_path, "a.csv", "id,text\n1,fine\n" + broken))
    assert error.code == "invalid_csv"
    assert "line 3" in error.detail


def test_a_line_with_too_many_or_too_few_cells_is_an_error_of_its_own(tmp_path: Path) -> None:
    first, second, third = rows(written(tmp_path, "a.csv", "id,text\n1,fine, really\n2\n3,good\n"))
    assert isinstance(first, models.CommentError)
    assert "line 2 has 3 cells, the header has 2" in first.detail
    assert isinstance(second, models.CommentError)
    assert third == {"id": "3", "text": "good"}


def test_a_cell_of_200_000_characters_is_left_for_the_intake_to_refuse(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path, "a.csv", f"id,text\n1,{'x' * 200_000}\n"))
    assert isinstance(row, dict)
    assert len(row["text"]) == 200_000


def test_a_bad_line_of_jsonl_is_not_the_end(tmp_path: Path) -> None:
    lines = (
        b'\xef\xbb\xbf{"id":"1","text":"a"}\n\n{"id":\n\xff\xfe\n[1]\n'
        + b"[" * 100_000
        + b'\n{"id":"2","text":"b"}\n'
    )
    path = written(tmp_path, "a.jsonl", lines)
    first, cut, binary, array, deep, last = rows(path)
    assert (first, array, last) == ({"id": "1", "text": "a"}, [1], {"id": "2", "text": "b"})
    codes = [error.code for error in (cut, binary, deep) if isinstance(error, models.CommentError)]
    assert codes == ["invalid_json", "invalid_encoding", "invalid_json"]
    assert isinstance(cut, models.CommentError)
    assert "line 3" in cut.detail
    assert open_source(path).count() == 6


def test_jsonl_can_be_mapped_and_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(b'{"key":"1","answer":"a","nps":7,"scores":{"ces":2}}\n')
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
    source = open_source("-", {"id": "key", "text": "answer"})
    assert source.count() is None
    assert list(source.rows()) == [{"id": "1", "text": "a", "scores": {"ces": 2, "nps": 7}}]


def test_parquet_rows(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "text": ["fine", ""],
            "scores": [{"nps": 9, "csat": None}, None],
            "metadata": pa.array([[("region", "north")], []], pa.map_(pa.string(), pa.string())),
            "ces": [float("nan"), 6.0],
            "occurred_at": pa.array([datetime(2026, 11, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    assert rows(path) == [
        {
            "id": "1",
            "text": "fine",
            "scores": {"nps": 9},
            "metadata": {"region": "north"},
            "occurred_at": "2026-11-01T00:00:00Z",
        },
        {"id": "2", "text": "", "metadata": {}, "scores": {"ces": 6.0}},
    ]
    assert open_source(path).count() == 2


def test_parquet_bytes_are_text_and_what_is_not_utf_8_is_told_by_field(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": [b"fine", b"fine", b"fine"],
            "Region": ["Süd".encode(), b"S\xfcd", b"S"],
            "scores": [{"nps": 9, "csat": None}, None, {"nps": None, "csat": b"\xff"}],
            "metadata": [[(b"plan", b"pro")], [], []],
        },
        schema=pa.schema(
            {
                "text": pa.binary(),
                "Region": pa.large_binary(),
                "scores": pa.struct({"nps": pa.int8(), "csat": pa.binary()}),
                "metadata": pa.map_(pa.binary(), pa.binary()),
            }
        ),
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second, third = rows(str(tmp_path / "a.parquet"), **{"metadata.region": "Region"})
    assert first == {"text": "fine", "scores": {"nps": 9}, "metadata": {"plan": "pro", "region": "Süd"}}
    assert isinstance(second, BrokenLineError)
    assert (second.code, second.field) == ("invalid_encoding", "metadata.region")
    assert second.line == '{"text": "fine", "metadata": {"region": "S\\\\xfcd"}}'
    assert isinstance(third, BrokenLineError)
    assert (third.code, third.field) == ("invalid_encoding", "scores")


def test_parquet_that_is_none_or_nested_is_refused(tmp_path: Path) -> None:
    assert fault(written(tmp_path, "a.parquet", b"PAR1 not really")).code == "invalid_parquet"
    pq.write_table(pa.table({"text": ["a"], "customer_id": [["u1", "u2"]]}), tmp_path / "b.parquet")
    error = fault(str(tmp_path / "b.parquet"))
    assert error.code == "invalid_parquet"
    assert '"customer_id"' in error.detail
    whole = (tmp_path / "b.parquet").read_bytes()
    assert fault(written(tmp_path, "c.parquet", whole[:-20])).code == "invalid_parquet"


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert fault(str(tmp_path / "none.csv")).code == "unreadable_file"
    assert fault(written(tmp_path, "a.xlsx", "")).code == "unknown_format"


def test_an_unpacked_file_that_was_swept_away_is_read_to_its_end(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["fine", "slow"]}), out)
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(out.getvalue()))
    found = iter(open_source(str(tmp_path / "a.parquet.gz")).rows())
    first = next(found)
    (copy,) = tmp_path.glob(".unpacked-*")
    copy.unlink()
    assert [first, *found] == [{"text": "fine"}, {"text": "slow"}]
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet.gz"]


def test_parquet_times_that_python_has_not_cost_their_row_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = pa.table(
        {
            "text": ["fine", "far", "slow"],
            "occurred_at": pa.array([0, 2**62, None], pa.timestamp("us", "UTC")),
            "metadata.shift": pa.array([1, 2_500, None], pa.time64("ns")),
            "metadata": [{"at": 1_700_000_000_000_000_001}, None, None],
        }
    )
    nanoseconds = pa.struct({"at": pa.timestamp("ns", "UTC")})
    table = table.set_column(3, "metadata", table["metadata"].cast(nanoseconds))
    pq.write_table(table, tmp_path / "a.parquet")
    first, far, slow = rows(str(tmp_path / "a.parquet"))
    assert isinstance(first, dict)
    assert isinstance(far, dict)
    assert datetime.fromisoformat(first["occurred_at"]) == datetime(1970, 1, 1, tzinfo=UTC)
    assert str(first["metadata"]["at"]).startswith("2023-11-14")
    assert first["metadata"]["shift"] == "00:00:00.000000"
    # As Arrow writes it; `intake` refuses it.
    assert far["occurred_at"].startswith("17036-")
    assert slow == {"text": "slow"}


def test_numbers_that_json_has_not_are_told_by_line(tmp_path: Path) -> None:
    first, last = rows(written(tmp_path, "a.jsonl", '{"text": "a", "metadata": {"x": NaN}}\n{"text": "b"}\n'))
    assert isinstance(first, BrokenLineError)
    assert first.code == "invalid_json"
    assert "NaN" in first.detail
    assert last == {"text": "b"}


@pytest.mark.parametrize("cell", ["1_0", "٤", "nan", "1e1", "0x9", "--1"])
def test_what_only_python_reads_as_a_number_is_left_as_it_is(tmp_path: Path, cell: str) -> None:
    assert rows(written(tmp_path, "a.csv", f"text,nps\nfine,{cell}\nfine, 9 \n")) == [
        {"text": "fine", "scores": {"nps": cell}},
        {"text": "fine", "scores": {"nps": 9}},
    ]


def test_one_column_may_be_two_fields(tmp_path: Path) -> None:
    """Else the customer of a file whose one column is id and customer could not be erased."""
    both = {"id": "ref", "customer_id": "ref"}
    pq.write_table(pa.table({"ref": [7], "text": ["fine"]}), tmp_path / "a.parquet")
    for path in (
        written(tmp_path, "a.csv", "ref,text\n7,fine\n"),
        written(tmp_path, "a.jsonl", '{"ref": "7", "text": "fine"}\n'),
        str(tmp_path / "a.parquet"),
    ):
        assert rows(path, **both) == [{"id": "7", "customer_id": "7", "text": "fine"}]


def test_a_field_has_one_column(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text,nps,scores.nps\nfine,9,8\n")
    assert "several columns for scores.nps" in fault(path).detail
    error = fault(path, nps="nps", **{"scores.nps": "scores.nps"})
    assert (error.code, "scores.nps" in error.detail) == ("duplicate_field", True)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('{"key": "1", "id": "2", "text": "a"}', "id"),
        ('{"id": "2", "key": "1", "text": "a"}', "id"),
        ('{"id": "2", "text": "a", "nps": 1, "scores": {"nps": 9}}', "scores.nps"),
        ('{"id": "2", "text": "a", "metadata.x": "1", "metadata": {"x": "2"}}', "metadata.x"),
    ],
)
def test_a_row_that_gives_a_field_twice_is_refused_whatever_the_order(
    tmp_path: Path, line: str, field: str
) -> None:
    broken, same, null = rows(
        written(
            tmp_path, "a.jsonl", line + '\n{"key": "1", "text": "a"}\n{"key": "1", "id": null, "text": "a"}\n'
        ),
        id="key",
    )
    assert isinstance(broken, BrokenLineError)
    assert (broken.code, broken.field) == ("duplicate_field", field)
    assert broken.line == line
    assert same == null == {"id": "1", "text": "a"}


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ('id,text\n1,a 5" screen\n2,fine\n3,5" and 6"\n', 3),
        ('id,text\n1,"two\n\nlines, ""so"",\n"\n2,"a"\n', 2),
        ('\ufeff"id",text\n1,"a"\n \n', 2),
        ('id,text\n1,"",\n"",""\n', 2),
    ],
)
def test_records_are_counted_as_they_are_read(tmp_path: Path, content: str, records: int) -> None:
    path = written(tmp_path, "a.csv", content)
    assert (open_source(path).count(), len(rows(path))) == (records, records)


def test_a_record_without_an_end_ends_somewhere(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", b'id,text\n1,fine\n"a' + b'\nab","' * 1_000_000)
    error = fault(path)
    assert (error.code, "begins on line 3" in error.detail) == ("invalid_csv", True)
    assert "4,000,000 bytes" in error.detail


@pytest.mark.parametrize(
    ("content", "code", "hint"),
    [
        (b"id,text\r1,fine\r", "invalid_csv", "tr '"),
        ("id,text\n1,fine\n".encode("utf-16"), "invalid_encoding", "iconv -f UTF-16"),
        ("id,text\n1,fine\n".encode("utf-16-be"), "invalid_encoding", "iconv -f UTF-16"),
        (b"text,id,,\nfine,1,,\n", "invalid_header", "column 3 has no name"),
    ],
)
def test_the_right_remedy_is_told(tmp_path: Path, content: bytes, code: str, hint: str) -> None:
    error = fault(written(tmp_path, "a.csv", content))
    assert (error.code, hint in error.detail) == (code, True), error.detail
