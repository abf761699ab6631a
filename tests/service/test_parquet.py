"""Parquet as others write it, damaged, repetitive or long."""

import io
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import models
from service.files import open_source
from service.packed import BrokenLineError
from tests.service.test_files import rows, written

_TEXT_AND_MAP = pa.schema({"text": pa.string(), "metadata": pa.map_(pa.string(), pa.string())})


@pytest.mark.parametrize("xor", [1, 2, 4, 8, 0x89])
def test_a_damaged_footer_is_no_parquet(tmp_path: Path, xor: int) -> None:
    """Whatever Arrow says to it: a name that is no UTF-8, a type that it has not."""
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["fine"], "ref": ["1"]}), out, store_schema=False)
    good = out.getvalue()
    footer = int.from_bytes(good[-8:-4], "little")
    for place in range(len(good) - 8 - footer, len(good) - 8):
        bad = bytearray(good)
        bad[place] ^= xor
        source = open_source(written(tmp_path, "a.parquet", bytes(bad)), {"id": "ref"})
        for action in (source.count, lambda: list(source.rows())):  # noqa: B023
            with suppress(models.InputError):
                action()


def test_parquet_as_warehouses_and_pandas_and_spark_write_it(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [70.0, 2.0**60, 0.5],
            "customer_id": pa.array([Decimal("8.00"), Decimal("8.50"), None], pa.decimal128(38, 2)),
            "text": ["fine"] * 3,
            "nps": pa.array([Decimal(7), Decimal(0), None], pa.decimal128(38, 0)),
            "csat": ["4", " ", "many"],
            "scores": [{"ces": "5"}, {"ces": None}, {"ces": ""}],
            "occurred_at": pa.array([datetime(2026, 11, 1)] * 3, pa.timestamp("us")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    common = {"text": "fine", "occurred_at": "2026-11-01T00:00:00Z"}
    assert rows(str(tmp_path / "a.parquet")) == [
        {"id": "70", "customer_id": "8", "scores": {"nps": 7, "csat": 4, "ces": 5}, **common},
        # A number beyond what doubles count by ones may have been another.
        {"id": 2.0**60, "customer_id": "8.50", "scores": {"nps": 0}, **common},
        {"id": 0.5, "scores": {"csat": "many"}, **common},
    ]


@pytest.mark.parametrize("encoding", ["dictionary", "DELTA_BYTE_ARRAY"])
def test_a_text_that_is_repeated_is_written_out_a_few_times_at_once(tmp_path: Path, encoding: str) -> None:
    long, texts = "abc " * 250_000, pa.array(["abc " * 250_000] * 150)
    table = pa.table({"text": texts, "metadata": [[("a", long)]] * 150}, schema=_TEXT_AND_MAP)
    given = {} if encoding == "dictionary" else {"column_encoding": {"text": encoding}}
    dictionary = True if encoding == "dictionary" else ["metadata.key_value.value"]
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=dictionary, **given)
    source, before = open_source(str(tmp_path / "a.parquet")), pa.total_allocated_bytes()
    most = 0
    for row in source.rows():
        assert isinstance(row, dict)
        assert len(row["text"]) == 1_000_000
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 100_000_000, f"{most:,} bytes"
    with pytest.raises(models.InputError) as caught:
        list(open_source(str(tmp_path / "a.parquet"), limit=10**9).rows())
    assert caught.value.code == "file_too_large"


def test_a_row_of_parquet_is_no_longer_than_a_line(tmp_path: Path) -> None:
    texts = ["fine", "x" * 4_000_001, "slow"]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", compression="zstd")
    first, long, last = rows(str(tmp_path / "a.parquet"))
    assert (first, last) == ({"text": "fine"}, {"text": "slow"})
    assert isinstance(long, BrokenLineError)
    assert (long.code, "row 2" in long.detail) == ("line_too_long", True)


def test_delta_lengths_are_read_on_behind_a_dictionary(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(3_000)]
    with pq.ParquetWriter(
        tmp_path / "a.parquet",
        pa.schema({"text": pa.string()}),
        use_dictionary=False,
        column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"},
    ) as file:
        for start in (0, 1_500):
            file.write_table(pa.table({"text": texts[start : start + 1_500]}))
    assert rows(str(tmp_path / "a.parquet")) == [{"text": text} for text in texts]
