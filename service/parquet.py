"""Parquet: columns as in a CSV file, with `scores` and `metadata` as structs or maps where they are such."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import models
from service.columns import FLAT, WHOLE, Columns
from service.packed import MAX_LINE, BrokenLineError, Content
from service.sheets import number

_ROWS = 1_000
_AT_ONCE = 16_777_216
"""Bytes that rows may come to where a text that stands in the file once is repeated in each."""
_EXACT = 2**53
"""Above it a double is not the whole number that somebody wrote."""
_UNREADABLE = (pa.ArrowException, ValueError, OverflowError, OSError, KeyError)
"""What Arrow raises for what it cannot read, a name that is no UTF-8 and a type that it has not among them."""


class ParquetSource:
    """A Parquet file, read in batches of rows."""

    def __init__(self, content: Content, columns: Columns) -> None:
        self.content = content
        self.columns = columns

    def rows(self) -> Iterator[object]:
        """See `files.Source`. Raises `InputError`: "invalid_parquet", "invalid_header", "unknown_field"."""
        with self._open() as (file, metadata):
            with self._faults("its columns cannot be read"):
                schema = metadata.schema.to_arrow_schema()
                names = list(schema.names)
            self.columns.check(names, self.content.name, FLAT | WHOLE)
            for column in schema:
                nested = pa.types.is_nested(column.type)
                if nested and self.columns.names(column.name) not in (("scores",), ("metadata",)):
                    raise self._fault(f'column "{ascii(column.name)[1:-1][:60]}" is nested')
            yield from self._rows(file, metadata)

    def count(self) -> int:
        """From the file's own footer."""
        with self._open() as (_, metadata):
            return int(metadata.num_rows)

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Any]]:
        with self.content.unpacked() as path:
            with self._faults("it is not a Parquet file, or not a whole one"):
                # Open to the end: what was unpacked may be swept away meanwhile.
                file = pa.OSFile(str(path))
            with file:
                with self._faults("it is not a Parquet file, or not a whole one"):
                    metadata = pq.read_metadata(file)
                    self._weigh(metadata)
                yield file, metadata

    def _weigh(self, metadata: Any) -> None:
        groups = range(metadata.num_row_groups)
        size, limit = sum(metadata.row_group(group).total_byte_size for group in groups), self.content.limit
        if limit is not None and size > limit:
            raise self.content.fault(f"unpacks to {size:,} bytes, the limit is {limit:,}", "file_too_large")

    def _rows(self, file: Any, metadata: Any) -> Iterator[object]:
        first = 1
        with self._faults("a part of it cannot be read"):
            for piece in self._weighed(file, metadata):
                if piece.num_rows == 1 and _size(piece) > MAX_LINE:
                    fault = f"row {first:,} is longer than {MAX_LINE:,} bytes"
                    yield BrokenLineError(fault, code="line_too_long", line=None)
                else:
                    yield from map(self._row, _listed_rows(piece))
                first += piece.num_rows

    def _weighed(self, file: Any, metadata: Any) -> Iterator[Any]:
        """Its rows in pieces of no more than a line's bytes, or of one row, while all are no more than allowed."""
        size, most = 0, self.content.most
        instants = {one.path for one in _leaves(metadata.schema) if one.physical_type == "INT96"}
        for batch in _batches(file, metadata):
            for piece in _pieces(_in_utc(batch, instants)):
                size += _size(piece)
                if most is not None and size > most:
                    raise self.content.too_large(most)
                yield piece

    def _row(self, row: Mapping[str, Any]) -> object:
        try:
            return self.columns.shape(row, _read)
        except UnicodeDecodeError:
            return self._broken(row)

    def _broken(self, row: Mapping[str, Any]) -> BrokenLineError:
        shaped = self.columns.shape(row, partial(_read, errors="backslashreplace"))
        if isinstance(shaped, BrokenLineError):
            return shaped
        line = json.dumps(shaped, ensure_ascii=False)
        column = next(column for column, value in row.items() if not _is_utf_8(value))
        name = ascii(self.columns.names(column)[0])[1:-1][:80]
        return BrokenLineError(f"{name}: is not UTF-8", code="invalid_encoding", line=line, field=name)

    @contextmanager
    def _faults(self, detail: str) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise self._fault(detail) from error

    def _fault(self, detail: str) -> models.InputError:
        return self.content.fault(detail, "invalid_parquet")


def _is_utf_8(value: Any) -> bool:
    try:
        _value(value)
    except UnicodeDecodeError:
        return False
    return True


def _batches(file: Any, metadata: Any) -> Iterator[Any]:
    """Its rows; what is written once and meant a thousand times is once in memory, too."""
    reader = partial(pq.ParquetFile, file, metadata=metadata, coerce_int96_timestamp_unit="us")
    texts = [place for place, one in enumerate(_leaves(metadata.schema)) if _is_text(one)]
    read = 0
    try:
        for batch in reader(read_dictionary=texts).iter_batches(batch_size=_ROWS):
            read += batch.num_rows
            yield batch
        return
    except _UNREADABLE:
        # A text may also be told as the one before with something behind it, which Arrow has no dictionaries for.
        rows = _rows_at_once(metadata)
    for batch in reader().iter_batches(batch_size=rows):
        known = min(read, batch.num_rows)
        read -= known
        if known < batch.num_rows:
            yield batch.slice(known)


def _leaves(schema: Any) -> list[Any]:
    """The columns of a file, those within others and not those around them."""
    return [schema.column(place) for place in range(len(schema))]


def _is_text(leaf: Any) -> bool:
    return bool(leaf.physical_type == "BYTE_ARRAY" and leaf.logical_type.type != "DECIMAL")


def _rows_at_once(metadata: Any) -> int:
    """How many there is room for where each may have as much text as all that is written."""
    groups = range(metadata.num_row_groups)
    largest = max((metadata.row_group(group).total_byte_size for group in groups), default=0)
    return min(max(_AT_ONCE // max(largest, 1), 1), _ROWS)


def _pieces(batch: Any) -> Iterator[Any]:
    """Its rows in pieces that are not too large to be written out, or are one row."""
    if batch.num_rows < 2 or _size(batch) <= MAX_LINE:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def _size(values: Any) -> int:
    """The bytes of a batch or an array with each value written out."""
    if isinstance(values, pa.RecordBatch):
        return sum(map(_size, values.columns))
    if isinstance(values, pa.DictionaryArray):
        lengths = pc.binary_length(values.dictionary)
        return pc.sum(lengths.take(values.indices)).as_py() or 0
    if isinstance(values, pa.ExtensionArray):
        return _size(values.storage)
    if isinstance(values, pa.MapArray):
        entries = slice(values.offsets[0].as_py(), values.offsets[-1].as_py())
        return _size(values.keys[entries]) + _size(values.items[entries])
    if pa.types.is_nested(values.type):
        parts = values.flatten()
        return sum(map(_size, parts)) if isinstance(parts, list) else _size(parts)
    return int(values.nbytes)


def _listed_rows(batch: Any) -> list[dict[str, Any]]:
    """As Python has them; a value that it has not is judged with its row, as bytes or as the words of a time."""
    # A view would be written out with all that is out of its sight.
    batch = batch.take(pa.array(range(batch.num_rows)))
    # Python counts no nanoseconds: without pandas they are no time at all, with it one of nine digits.
    batch = _cast(batch, _in_microseconds)
    try:
        return _listed(batch)
    except UnicodeDecodeError:
        # Nobody has looked at what a column calls text.
        batch = _cast(batch, _as_bytes)
    except (OverflowError, ValueError):
        pass
    try:
        return _listed(batch)
    except (OverflowError, ValueError):
        # Years before 1 or after 9999.
        return _listed(_cast(batch, _as_words))


def _listed(batch: Any) -> list[dict[str, Any]]:
    return list(batch.to_pylist(maps_as_pydicts="strict"))


def _cast(batch: Any, leaf: Callable[[Any], Any]) -> Any:
    schema = pa.schema([column.with_type(_with(column.type, leaf)) for column in batch.schema])
    return batch if schema.equals(batch.schema) else batch.cast(schema, safe=False)


def _in_utc(batch: Any, names: set[str]) -> Any:
    """With times of these columns as instants."""
    instant = pa.timestamp("us", "UTC")
    columns = [one.with_type(instant) if one.name in names else one for one in batch.schema]
    return batch.cast(pa.schema(columns)) if names else batch


def _with(kind: Any, leaf: Callable[[Any], Any]) -> Any:
    """The type with others in the place of those it is made of."""
    if pa.types.is_struct(kind):
        return pa.struct([part.with_type(_with(part.type, leaf)) for part in kind])
    if pa.types.is_map(kind):
        return pa.map_(_with(kind.key_type, leaf), _with(kind.item_type, leaf))
    if pa.types.is_dictionary(kind):
        return _with(kind.value_type, leaf)
    return leaf(kind)


def _as_bytes(kind: Any) -> Any:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.large_binary() if text else kind


def _in_microseconds(kind: Any) -> Any:
    if not pa.types.is_temporal(kind) or getattr(kind, "unit", "us") != "ns":
        return kind
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")


def _as_words(kind: Any) -> Any:
    return pa.string() if pa.types.is_temporal(kind) else kind


def _read(name: str, value: Any, errors: str = "strict") -> Any:
    """A field's value as a CSV file would have it. Raises `UnicodeDecodeError`; see `bytes.decode`."""
    if name in ("id", "customer_id"):
        value = _whole(value)
    value = _value(value, errors)
    if name.startswith("scores."):
        return _score(value)
    if name == "scores" and isinstance(value, dict):
        return {part: score for part, one in value.items() if (score := _score(one)) is not None}
    return value


def _whole(value: Any) -> Any:
    """An id that a warehouse or pandas keeps as a number."""
    known = isinstance(value, int | Decimal) or (isinstance(value, float) and abs(value) <= _EXACT)
    return str(int(value)) if known and not isinstance(value, bool) and value == int(value) else value


def _score(value: Any) -> Any:
    """A score that is kept as text."""
    if not isinstance(value, str):
        return value
    return number(value) if value.strip() else None


def _value(value: Any, errors: str = "strict") -> Any:
    """As JSON would have it; null and not-a-number are absent. Raises `UnicodeDecodeError`; see `bytes.decode`."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors)
    if isinstance(value, dict):
        parts = ((_value(name, errors), _value(part, errors)) for name, part in value.items())
        return {name: part for name, part in parts if part is not None}
    if isinstance(value, list):
        return [_value(part, errors) for part in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, str | int | float | None) else str(value)
