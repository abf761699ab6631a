"""A file on its way from a request to the disk: the body itself, or the file part of a form.

Nothing is held in memory but a megabyte. The writing is done in a thread, so that a slow disk does not keep
other requests waiting.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

import models
from service.jobs.storage import Incoming

_BUFFER = 1_048_576
_MAX_FORM = 65_536
"""Bytes of all that is not the file, names and values."""
_MAX_BOUNDARY = 256
"""What the parser takes; RFC 2046 has 70."""


@dataclass
class Received:
    """What came beside the file: its name as sent, its type, and the fields of the form."""

    name: str | None = None
    content_type: str = ""
    fields: dict[str, str] = field(default_factory=dict)


async def receive(request: Request, file: Incoming) -> Received:
    """Write the request's file to `file`.

    Raises `InputError`: "body_too_large", "client_disconnected", "invalid_body" (a broken form, or no file in
    it), "empty_file", "storage_full".
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    form = _Form(options.get(b"boundary", b"")) if kind == b"multipart/form-data" else None
    received = form.received if form else Received(content_type=request.headers.get("content-type", ""))
    buffer = bytearray()
    with _faults():
        async for chunk in request.stream():
            buffer += form.feed(chunk) if form else chunk
            if len(buffer) >= _BUFFER:
                await run_in_threadpool(file.write, bytes(buffer))
                buffer.clear()
        if form:
            form.end()
        await run_in_threadpool(file.write, bytes(buffer))
    if not file.size:
        raise models.InputError("the file is empty", code="empty_file")
    return received


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except ClientDisconnect:
        raise models.InputError("the client closed the connection", code="client_disconnected") from None
    except MultipartParseError as error:
        raise _broken(f"the form cannot be read: {error}") from None
    except OSError as error:
        raise full(error) from error


def full(error: OSError) -> Exception:
    """A full disk as an error of ours; any other one as it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return models.InputError("there is no room for the file", code="storage_full")
    return error


class _Form:
    """A form with one file part, called `file`, and fields beside it."""

    def __init__(self, boundary: bytes) -> None:
        if not boundary:
            raise _broken("the form names no boundary")
        if len(boundary) > _MAX_BOUNDARY:
            raise _broken(
                f"the form's boundary has {len(boundary):,} characters, the limit is {_MAX_BOUNDARY:,}"
            )
        self.received = Received()
        self._out = bytearray()
        self._beside = 0
        self._header, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._field: str | None = None
        self._text = bytearray()
        self._files = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> bytes:
        """Read on; the bytes of the file that are in this chunk."""
        self._parser.write(chunk)
        out = bytes(self._out)
        self._out.clear()
        return out

    def end(self) -> None:
        """Raises `InputError` ("invalid_body") if the form is cut off or has no file."""
        if not self._ended:
            raise _broken("the form is cut off")
        if not self._files:
            raise _broken('the form has no part "file"')

    def _begin(self) -> None:
        self._headers = {}
        self._text = bytearray()

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += self._weigh(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._weigh(data[start:end])

    def _on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self._field = None if name == "file" else name
        if self._field is None:
            self._files += 1
            if self._files > 1:
                raise _broken("the form has more than one file")
            self.received.name = options.get(b"filename", b"").decode("utf-8", "replace") or None
            self.received.content_type = self._headers.get(b"content-type", b"").decode("ascii", "replace")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._out += data[start:end]
        else:
            self._text += self._weigh(data[start:end])

    def _on_part_end(self) -> None:
        if self._field is not None:
            self.received.fields[self._field] = self._text.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._ended = True

    def _weigh(self, data: bytes) -> bytes:
        self._beside += len(data)
        if self._beside > _MAX_FORM:
            raise _broken(f"the form holds more than {_MAX_FORM:,} bytes beside the file")
        return data


def _broken(detail: str) -> models.InputError:
    return models.InputError(detail, code="invalid_body")
