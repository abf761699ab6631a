"""Parquet: columns as in a CSV file, with `scores` and `metadata` as structs or maps where they are such."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import models
from service.columns import FLAT, SCORES, WHOLE, Columns
from service.packed import BrokenLineError, Content

_ROWS = 1_000


class ParquetSource:
    """A Parquet file, read in batches of rows."""

    def __init__(self, content: Content, columns: Columns) -> None:
        self.content = content
        self.columns = columns

    def rows(self) -> Iterator[object]:
        """See `files.Source`. Raises `InputError`: "invalid_parquet", "invalid_header", "unknown_field"."""
        with self._open() as content:
            schema = content.schema_arrow
            self.columns.check(schema.names, self.content.name, FLAT | WHOLE)
            for column in schema:
                nested = pa.types.is_nested(column.type)
                if nested and self.columns.field(column.name) not in ("scores", "metadata"):
                    raise self._fault(f'column "{ascii(column.name)[1:-1][:60]}" is nested')
            try:
                for batch in content.iter_batches(batch_size=_ROWS):
                    yield from map(self._row, _rows(batch))
            except (pa.ArrowException, ValueError, OverflowError, OSError, KeyError) as error:
                raise self._fault("a part of it cannot be read") from error

    def count(self) -> int:
        """From the file's own footer."""
        with self._open() as content:
            return int(content.metadata.num_rows)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self.content.unpacked() as path:
            try:
                file = pq.ParquetFile(path)
            except (pa.ArrowInvalid, OSError) as error:
                raise self._fault("it is not a Parquet file, or not a whole one") from error
            with file:
                self._weigh(file.metadata)
                yield file

    def _weigh(self, metadata: Any) -> None:
        groups = range(metadata.num_row_groups)
        size, limit = sum(metadata.row_group(group).total_byte_size for group in groups), self.content.limit
        if limit is not None and size > limit:
            raise self.content.fault(f"unpacks to {size:,} bytes, the limit is {limit:,}", "file_too_large")

    def _row(self, row: Mapping[str, Any]) -> object:
        try:
            return self._shaped(row)
        except UnicodeDecodeError:
            return self._broken(row)

    def _shaped(self, row: Mapping[str, Any], errors: str = "strict") -> dict[str, Any]:
        values = {column: _value(value, errors) for column, value in row.items()}
        present = {column: value for column, value in values.items() if value is not None}
        for column in present:
            if self.columns.field(column) in ("id", "customer_id") and isinstance(present[column], int):
                present[column] = str(present[column])
        return self.columns.shape(present)

    def _broken(self, row: Mapping[str, Any]) -> BrokenLineError:
        line = json.dumps(self._shaped(row, "backslashreplace"), ensure_ascii=False)
        field = next(self.columns.field(column) for column, value in row.items() if not _is_utf_8(value))
        name = ascii(f"scores.{field}" if field in SCORES else field)[1:-1][:80]
        return BrokenLineError(f"{name}: is not UTF-8", code="invalid_encoding", line=line, field=name)

    def _fault(self, detail: str) -> models.InputError:
        return self.content.fault(detail, "invalid_parquet")


def _is_utf_8(value: Any) -> bool:
    try:
        _value(value)
    except UnicodeDecodeError:
        return False
    return True


def _rows(batch: Any) -> list[dict[str, Any]]:
    """As Python has them; a value that it has not is judged with its row, as bytes or as the words of a time."""
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
    return value if isinstance(value, str | int | float | None) else str(value)
