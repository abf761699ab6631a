"""CSV: UTF-8 with or without a byte order mark, a header, commas, double quotes, one record a row."""

import csv
import io
import re
from collections.abc import Iterator

import models
from service.columns import Columns
from service.packed import MAX_LINE, BrokenLineError, Content

_REMEDY = "save it as CSV UTF-8, or convert it: iconv -f {} -t UTF-8"
_MARK = b"\xef\xbb\xbf"


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
                yield self.columns.shape(dict(zip(names, cells, strict=True)), _value)

    def count(self) -> int:
        """Records without the header: line ends outside quotes."""
        records, quoted = 0, False
        for number, line in self.content.lines():
            if line is not None:
                quoted = _is_open(line.removeprefix(_MARK) if number == 1 else line, quoted)
            records += not quoted and (line is None or bool(line.strip(b"\r\n")))
        return max(records - 1, 0)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Each record that is not blank, with the line it begins on."""
        lines = _Lines(self.content)
        reader = csv.reader(lines, strict=True)
        while True:
            start = reader.line_num + 1
            lines.begin(start)
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self.content.fault(
                    f"the record that begins on line {start:,} {_told(error)}", "invalid_csv"
                ) from None
            if cells:
                yield start, cells


class _Lines:
    """The lines of a file as text. A record may have many, but no more bytes than a line."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._lines = content.lines()
        self.begin(1)

    def begin(self, line: int) -> None:
        """A record begins on this line."""
        self._start, self._size = line, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        if line is None:
            hint = "; do its lines end with LF or CRLF?" if number == 1 else ""
            raise self.content.fault(
                f"line {number:,} is longer than {MAX_LINE:,} bytes{hint}", "invalid_csv"
            )
        self._size += len(line)
        if self._size > MAX_LINE:
            # Some quote opens a cell at every end of a line: what is no record yet must end somewhere.
            raise self.content.fault(
                f"the record that begins on line {self._start:,} is longer than {MAX_LINE:,} bytes; "
                "does each quote that opens a cell close it?",
                "invalid_csv",
            )
        return self._text(number, line)

    def _text(self, number: int, line: bytes) -> str:
        if number == 1 and (line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line[:2]):
            raise self.content.fault(
                f"line 1 is UTF-16, not UTF-8; {_REMEDY.format('UTF-16')}", "invalid_encoding"
            )
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise self.content.fault(
                f"line {number:,} is not UTF-8; {_REMEDY.format('LATIN1')}", "invalid_encoding"
            ) from None


def _told(error: csv.Error) -> str:
    """In our words where Python's speak of its own files."""
    if "new-line character" in str(error):
        return (
            "has a carriage return outside quotes; end lines with LF or CRLF: tr '\\r' '\\n' makes it so where all "
            "end with it"
        )
    return f"cannot be read: {error}"


def _is_open(line: bytes, quoted: bool) -> bool:
    """Whether a quoted cell goes on behind the line. A quote that does not begin a cell opens none."""
    if b'"' not in line:
        return quoted
    place, line = 0, line if quoted else b"," + line
    while (found := line.find(b'"' if quoted else b',"', place)) >= 0:
        place = found + (1 if quoted else 2)
        if quoted and line.startswith(b'"', place):
            place += 1
        else:
            quoted = not quoted
    return quoted


def _value(name: str, cell: str) -> int | float | str | None:
    if name == "text":
        return cell
    if not cell.strip():
        return None
    return number(cell) if name.startswith("scores.") else cell.strip()


def _joined(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*", re.ASCII)
"""Python would also read 1_0, nan and the digits of other scripts."""


def number(cell: str) -> int | float | str:
    """A score as a number; what is none is left for `intake` to refuse."""
    found = _NUMBER.fullmatch(cell) if len(cell) < 100 else None
    if found is None:
        return cell
    return float(cell) if found[1] else int(cell)
