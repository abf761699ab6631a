"""Parquet: columns as in a CSV file, with `scores` and `metadata` as structs or maps where they are such."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import isnan
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import models
from service.columns import FLAT, WHOLE, Columns
from service.packed import Content

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
                    yield from map(self._row, batch.to_pylist(maps_as_pydicts="strict"))
            except (pa.ArrowInvalid, OSError, KeyError) as error:
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

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        values = {column: _value(value) for column, value in row.items()}
        present = {column: value for column, value in values.items() if value is not None}
        for column in present:
            if self.columns.field(column) in ("id", "customer_id") and isinstance(present[column], int):
                present[column] = str(present[column])
        return self.columns.shape(present)

    def _fault(self, detail: str) -> models.InputError:
        return self.content.fault(detail, "invalid_parquet")


def _value(value: Any) -> Any:
    """As JSON would have it; null and not-a-number are absent."""
    if isinstance(value, dict):
        return {name: kept for name, part in value.items() if (kept := _value(part)) is not None}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and isnan(value):
        return None
    return value if isinstance(value, str | int | float | list | None) else str(value)
