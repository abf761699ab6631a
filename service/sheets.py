"""CSV: UTF-8 with or without a byte order mark, a header, commas, double quotes, one record a row."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import models
from service.columns import SCORES, Columns
from service.packed import MAX_LINE, BrokenLineError, Content

_REMEDY = "save it as CSV UTF-8, or convert it: iconv -f LATIN1 -t UTF-8"


class CsvSource:
    """A CSV file. Cells are text; empty ones are absent, but for `text`, where empty means no content."""

    def __init__(self, content: Content, columns: Columns) -> None:
        self.content = content
        self.columns = columns

    def rows(self) -> Iterator[object]:
        """See `files.Source`. Raises `InputError`: "invalid_encoding", "invalid_csv", "invalid_header"."""
        # A text is refused at 100,000 characters, one row at a time; a quote that never closes must end
        # somewhere. The limit is the process's and not the reader's; ours is the only reader.
        csv.field_size_limit(MAX_LINE)
        records = self._records()
        _, header = next(records, (1, []))
        names = [name.strip() for name in header]
        if len(names) == 1 and any(sign in names[0] for sign in ";\t"):
            raise models.InputError(
                f"{self.content.name}: the header is one column; the cells must be parted by commas",
                code="invalid_header",
            )
        self.columns.check(names, self.content.name)
        for line, cells in records:
            if len(cells) != len(names):
                fault = f"line {line:,} has {len(cells)} cells, the header has {len(names)}"
                yield BrokenLineError(fault, code="invalid_csv", line=_joined(cells))
            else:
                yield self._row(dict(zip(names, cells, strict=True)))

    def count(self) -> int:
        """Records without the header: line ends outside quotes."""
        records, quoted = 0, False
        for _, line in self.content.lines():
            quoted ^= line is not None and line.count(b'"') % 2 == 1
            records += not quoted and (line is None or bool(line.strip()))
        return max(records - 1, 0)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record that is not blank, with the line it begins on."""
        reader = csv.reader(self._lines(), strict=True)
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise models.InputError(
                    f"{self.content.name}: the record that begins on line {start:,} cannot be read: {error}",
                    code="invalid_csv",
                ) from None
            if cells:
                yield start, cells

    def _lines(self) -> Iterator[str]:
        for number, line in self.content.lines():
            if line is None:
                raise self.content.fault(f"line {number:,} is longer than {MAX_LINE:,} bytes", "invalid_csv")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise self.content.fault(
                    f"line {number:,} is not UTF-8; {_REMEDY}", "invalid_encoding"
                ) from None

    def _row(self, cells: dict[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for column, cell in cells.items():
            name = self.columns.field(column)
            if name == "text":
                row[column] = cell
            elif cell.strip():
                row[column] = _number(cell) if name.removeprefix("scores.") in SCORES else cell.strip()
        return self.columns.shape(row)


def _joined(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*", re.ASCII)
"""Python would also read 1_0, nan and the digits of other scripts."""


def _number(cell: str) -> int | float | str:
    """A score as a number; what is none is left for `intake` to refuse."""
    found = _NUMBER.fullmatch(cell) if len(cell) < 100 else None
    if found is None:
        return cell
    return float(cell) if found[1] else int(cell)
