"""Files of comments as a stream of rows, each shaped like the contract's comment: CSV, JSONL, Parquet.

    source = open_source("feedback.csv", columns={"text": "answer", "metadata.region": "region"})
    for row in source.rows(): ...

What is wrong with the file ends it (`InputError`, before the first row where that can be known); what is wrong
with one line becomes a `CommentError` in its place, which `intake` turns into an item error. Rows are not
judged here: that is `intake`'s office.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol

import models
from service.columns import Columns
from service.parquet import ParquetSource
from service.sheets import CsvSource

STREAM = "-"


class Source(Protocol):
    """A file that was found and whose ending is known."""

    def rows(self) -> Iterator[object]:
        """One dict a comment, or a `CommentError` where a line is broken."""
        ...

    def count(self) -> int | None:
        """How many rows there are, found without parsing them; None for a stream."""
        ...


def open_source(path: str, columns: Mapping[str, str] | None = None) -> Source:
    """The rows of a file by its ending; "-" is JSONL on standard input. `columns` maps fields to columns.

    Raises `InputError`: "unreadable_file", "unknown_format", "unknown_field" (a field that no comment has).
    """
    plan = Columns(columns or {})
    if path == STREAM:
        return JsonLinesSource(None, plan)
    file = Path(path)
    kinds: dict[str, Callable[[Path, Columns], Source]] = {
        ".csv": CsvSource,
        ".jsonl": JsonLinesSource,
        ".parquet": ParquetSource,
    }
    kind = kinds.get(file.suffix.lower())
    if kind is None:
        raise models.InputError(
            f"{file.name}: must end in .csv, .jsonl or .parquet, or be - for JSONL on standard input",
            code="unknown_format",
        )
    if not file.is_file():
        raise models.InputError(f"{file.name}: no such file", code="unreadable_file")
    return kind(file, plan)


class JsonLinesSource:
    """One JSON object a line; blank lines are skipped. A bad line is an error of its own, not the end."""

    def __init__(self, file: Path | None, columns: Columns) -> None:
        self.file = file
        self.columns = columns

    def rows(self) -> Iterator[object]:
        """See `Source`."""
        with self._open() as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield self._row(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number)

    def count(self) -> int | None:
        """See `Source`."""
        if self.file is None:
            return None
        with self.file.open("rb") as stream:
            return sum(1 for line in stream if line.strip())

    def _open(self) -> AbstractContextManager[BinaryIO]:
        return nullcontext(sys.stdin.buffer) if self.file is None else _binary(self.file)

    def _row(self, line: bytes, number: int) -> object:
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            return models.CommentError(f"line {number:,} is not UTF-8", code="invalid_encoding", field="")
        except json.JSONDecodeError as error:
            fault = f"line {number:,} is not JSON: {error.msg} at column {error.colno}"
            return models.CommentError(fault, code="invalid_json", field="")
        except (RecursionError, ValueError):
            fault = f"line {number:,} is nested too deeply or holds too long a number"
            return models.CommentError(fault, code="invalid_json", field="")
        return self.columns.shape(row) if isinstance(row, dict) else row


@contextmanager
def _binary(file: Path) -> Iterator[BinaryIO]:
    with file.open("rb") as stream:
        yield stream
