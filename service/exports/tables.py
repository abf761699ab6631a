"""A table on its way out: rows to CSV or Parquet, in pieces, so that no table is ever whole in memory.

    for piece in as_csv(columns, rows): out.write(piece)

CSV is UTF-8 with a byte order mark (Excel takes it for Latin-1 otherwise), all texts in quotes. What a spreadsheet
would take for a formula has an apostrophe put before it, at the beginning of a text and wherever another separator
would begin a cell (OWASP, "CSV Injection"). Parquet has every text as it is.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet"]
Kind = Literal["text", "whole", "number", "truth", "day", "moment"]
Row = Mapping[str, Any]
"""A value, or None, for every column."""
_ROWS = 1_000
# Wide signs too: some spreadsheets read them as the plain ones. Bounded, so that no text takes long to search.
_FORMULA = re.compile(r"(^|[;\t\r\n])([\s\"']{0,8})(?=[=+\-@＝＋－＠])")


class Column(NamedTuple):
    """A column: its name, what its values are, and what it means."""

    name: str
    kind: Kind
    meaning: str


def as_csv(columns: Iterable[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """A header, then a record a row; what is None is an empty cell."""
    names = [column.name for column in columns]
    yield b"\xef\xbb\xbf" + _records([names])
    for some in _batches(rows):
        yield _records([[_cell(row[name]) for name in names] for row in some])


def as_parquet(columns: Iterable[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """A row group for every thousand rows, compressed with zstd."""
    # Here and not above: a service starts sooner, and is smaller until somebody asks for Parquet.
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, sink = _schema(columns), _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for some in _batches(rows):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            yield sink.taken()
    yield sink.taken()


ENCODERS: Mapping[Format, Callable[[Iterable[Column], Iterable[Row]], Iterator[bytes]]] = {
    "csv": as_csv,
    "parquet": as_parquet,
}


def safe(text: str) -> str:
    """A text that no spreadsheet reads as a formula.

    >>> safe("=1+1"), safe("slow; -5"), safe("5 = 5")
    ("'=1+1", "slow; '-5", '5 = 5')
    """
    return _FORMULA.sub(r"\1\2'", text)


def _schema(columns: Iterable[Column]) -> "pa.Schema":
    import pyarrow as pa

    types: Mapping[Kind, pa.DataType] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "day": pa.date32(),
        "moment": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([(column.name, types[column.kind]) for column in columns])


def _records(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> object:
    """Numbers as they are, since a minus before one is no formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return safe(value) if isinstance(value, str) else value


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while some := list(islice(stream, _ROWS)):
        yield some


class _Sink(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, piece: Any) -> int:
        data = bytes(piece)
        self._pieces.append(data)
        self._at += len(data)
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data
