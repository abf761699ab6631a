"""Files of comments as a stream of rows, each shaped like the contract's comment: CSV, JSONL, Parquet, packed or not.

    source = open_source("feedback.csv", columns={"text": "answer", "metadata.region": "region"})
    for row in source.rows(): ...

What is wrong with the file ends it (`InputError`, before the first row where that can be known); what is wrong
with one line becomes a `CommentError` in its place, which `intake` turns into an item error. Rows are not
judged here: that is `intake`'s office.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn, Protocol

from service.columns import Columns
from service.packed import MAX_LINE, PACKINGS, BrokenLineError, Content
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


def open_source(
    path: str,
    columns: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    limit: int | None = None,
    option: str = "--map",
) -> Source:
    """The rows of a file by its ending; "-" is JSONL on standard input. `columns` maps fields to columns.

    Errors speak of the file as `name` and of the map as `option`; a packed file may unpack to `limit` bytes.
    Raises `InputError`: "unreadable_file", "unknown_format", "unknown_field" (a field that no comment has).
    """
    plan = Columns(columns or {}, option)
    if path == STREAM:
        return JsonLinesSource(None, plan)
    file = Path(path)
    format, packing = split_format(file.name)
    content = Content(file, name or printable(file.name), packing, limit)
    kind = _KINDS.get(format)
    if kind is None:
        raise content.fault(
            "must end in .csv, .jsonl, .ndjson or .parquet, each with or without .gz or .zst, "
            "or be - for JSONL on standard input",
            "unknown_format",
        )
    if not file.is_file():
        raise content.fault("no such file", "unreadable_file")
    return kind(content, plan)


def split_format(name: str) -> tuple[str, str]:
    """The format and the packing that a file's name tells: "a.csv.gz" is ("csv", ".gz")."""
    lowered = name.lower()
    packing = next((ending for ending in PACKINGS if lowered.endswith(ending)), "")
    return Path(lowered.removesuffix(packing)).suffix.removeprefix("."), packing


def printable(name: str) -> str:
    """A file's name as every terminal and database takes it: on this machine it may be any bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class JsonLinesSource:
    """One JSON object a line; blank lines are skipped. A bad line is an error of its own, not the end."""

    def __init__(self, content: Content | None, columns: Columns) -> None:
        self.content = content
        self.columns = columns

    def rows(self) -> Iterator[object]:
        """See `Source`. Raises `InputError` where a packed file is damaged."""
        for number, line in self._lines():
            if line is None:
                fault = f"line {number:,} is longer than {MAX_LINE:,} bytes"
                yield BrokenLineError(fault, code="line_too_long", line=None)
            elif line.strip():
                yield self._row(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number)

    def count(self) -> int | None:
        """See `Source`."""
        if self.content is None:
            return None
        return sum(1 for _, line in self.content.lines() if line is None or line.strip())

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        return enumerate(sys.stdin.buffer, start=1) if self.content is None else self.content.lines()

    def _row(self, line: bytes, number: int) -> object:
        def broken(fault: str, code: str = "invalid_json") -> BrokenLineError:
            shown = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
            return BrokenLineError(f"line {number:,} {fault}", code=code, line=shown)

        try:
            row = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
        except UnicodeDecodeError:
            return broken("is not UTF-8", "invalid_encoding")
        except json.JSONDecodeError as error:
            return broken(f"is not JSON: {error.msg} at column {error.colno}")
        except _ConstantError as error:
            return broken(f"is not JSON: {error} is no number of it")
        except (RecursionError, ValueError):
            return broken("is nested too deeply or holds too long a number")
        return self.columns.shape(row) if isinstance(row, dict) else row


class _ConstantError(ValueError):
    """NaN or an infinity, which Python reads and writes and JSON does not know."""


def _no_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _parquet(content: Content, columns: Columns) -> Source:
    # Where it is needed: with Arrow it is 40 MB in every process that has it.
    from service.parquet import ParquetSource

    return ParquetSource(content, columns)


_KINDS: dict[str, Callable[[Content, Columns], Source]] = {
    "csv": CsvSource,
    "jsonl": JsonLinesSource,
    "ndjson": JsonLinesSource,
    "parquet": _parquet,
}
FORMATS = frozenset(_KINDS)
