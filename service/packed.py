"""A file's content, packed or not: plain, gzip (`.gz`) or Zstandard (`.zst`), read as a stream of bytes.

Nothing is held in memory but a buffer, and what unpacks to more than was allowed ends the file: a few kilobytes
can unpack to terabytes.
"""

import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import models

PACKINGS = (".gz", ".zst")
MAX_LINE = 4_000_000
"""Bytes; the longest sound comment has two million, all escaped."""
MAX_RATIO = 200
"""Comments pack to a tenth or so; empty lines, or one line over and over, to a thousandth."""
_FREE = 67_108_864
"""Bytes that may come of any file, whatever the ratio."""
_BUFFER = 262_144


class BrokenLineError(models.CommentError):
    """A line of a file that is no row; `line` is it as far as it can be shown, None if it is too long.

    Where a row has columns of its own, `field` may be the one at fault.
    """

    def __init__(self, detail: str, *, code: str, line: str | None, field: str = "") -> None:
        super().__init__(detail, code=code, field=field)
        self.line = line


@dataclass(frozen=True)
class Content:
    """The content of a file; `name` is what people call it. Without a `limit` it may unpack to any size."""

    path: Path
    name: str
    packing: str = ""
    limit: int | None = None

    @property
    def most(self) -> int | None:
        """Bytes that it may unpack to, by the limit and by its size; None if it may to any."""
        return self.limit and min(self.limit, max(_FREE, MAX_RATIO * self.path.stat().st_size))

    def open(self) -> BinaryIO:
        """The unpacked bytes; also reading may raise what opening does.

        Raises `InputError`: "unreadable_file", "truncated_file", "corrupt_file", "file_too_large".
        """
        try:
            if not self.packing:
                return self.path.open("rb")
            stream = gzip.GzipFile(self.path) if self.packing == ".gz" else _zstd(self.path)
        except OSError as error:
            raise self.fault(f"cannot be opened: {error.strerror}", "unreadable_file") from error
        return io.BufferedReader(_Unpacked(self, stream), _BUFFER)

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """A file of the unpacked bytes, for formats that are not read from front to back."""
        if not self.packing:
            yield self.path
            return
        with (
            self.open() as stream,
            tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".unpacked-", delete=False) as copy,
        ):
            try:
                self._unpack(stream, copy)
                yield Path(copy.name)
            finally:
                # After a day it is swept away, as what a kill left behind is; who has it open reads on.
                Path(copy.name).unlink(missing_ok=True)

    def _unpack(self, stream: BinaryIO, copy: IO[bytes]) -> None:
        while chunk := stream.read(_BUFFER):
            try:
                copy.write(chunk)
                copy.flush()
            except OSError as error:
                # Not the file's fault: another try may find room.
                raise models.ListenwellError(
                    f"no room to unpack {self.name}: {error.strerror}", code="storage_full"
                ) from error

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Lines with their ends, and their numbers from 1; None for a line that is longer than `MAX_LINE`."""
        with self.open() as stream:
            number = 0
            while line := stream.readline(MAX_LINE):
                number += 1
                if len(line) < MAX_LINE or line.endswith(b"\n"):
                    yield number, line
                else:
                    while len(line) == MAX_LINE and not line.endswith(b"\n"):
                        line = stream.readline(MAX_LINE)
                    yield number, None

    def too_large(self, most: int) -> models.InputError:
        """What a file that unpacks to more bytes is refused with."""
        return self.fault(
            f"unpacks to more than {most:,} bytes, the most that is taken of it", "file_too_large"
        )

    def fault(self, detail: str, code: str) -> models.InputError:
        """An error of this file."""
        return models.InputError(f"{self.name}: {detail}", code=code)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes as a raw stream that knows its limits and speaks of faults in our words."""

    def __init__(self, content: Content, stream: Any) -> None:
        super().__init__()
        self.content = content
        self.stream = stream
        self.size = 0
        self.most = content.most

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase` has it."""
        chunk = self._read(len(buffer))
        self.size += len(chunk)
        if self.most is not None and self.size > self.most:
            raise self.content.too_large(self.most)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Close the file behind it, too."""
        if not self.closed:
            self.stream.close()
        super().close()

    def _read(self, size: int) -> bytes:
        try:
            if isinstance(self.stream, gzip.GzipFile):
                return self.stream.read1(size)
            return cast(bytes, self.stream.read(size))
        except EOFError:
            raise self._cut() from None
        except (OSError, zlib.error) as error:
            # Arrow has one error for both and tells them apart by its words.
            if "Truncated" in str(error):
                raise self._cut() from None
            raise self.content.fault("its packing is damaged", "corrupt_file") from error

    def _cut(self) -> models.InputError:
        return self.content.fault("ends in the middle: a part of it is missing", "truncated_file")


def _zstd(path: Path) -> Any:
    # Where it is needed: it is 40 MB in every process that has it.
    import pyarrow as pa

    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
