"""The body of a request: read with a limit, decoded, parsed, and opened to the list of comments in it.

The standard library's parser is used on purpose: it lets a lone surrogate through to the one item that has it,
where stricter parsers refuse the whole batch.
"""

import json
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

import models


async def read_body(request: Request) -> bytes:
    """The raw body. Raises `InputError` "body_too_large" as soon as the limit is passed, without reading on."""
    limit: int = request.app.state.parts.settings.max_body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise models.InputError("the client closed the connection", code="client_disconnected") from None
    return bytes(body)


Body = Annotated[bytes, Depends(read_body)]


def comments_in(body: bytes, *, max_batch: int) -> list[object]:
    """The raw items of `{"comments": [...]}`, not yet judged.

    Raises `InputError` with code "invalid_encoding", "invalid_json", "invalid_body" or "too_many_comments".
    """
    content = json_in(body)
    if not isinstance(content, dict) or not isinstance(content.get("comments"), list):
        raise models.InputError('the body must be an object {"comments": [...]}', code="invalid_body")
    others = sorted(ascii(name)[1:-1] for name in content if name != "comments")
    if others:
        raise models.InputError(f'unknown field beside "comments": {others[0][:80]}', code="invalid_body")
    items: list[object] = content["comments"]
    if len(items) > max_batch:
        raise models.InputError(
            f"the body holds {len(items):,} comments, the limit is {max_batch:,}", code="too_many_comments"
        )
    return items


def json_in(body: bytes) -> Any:
    """What a body says. Raises `InputError` "invalid_encoding" or "invalid_json"."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise models.InputError(
            f"the body is not UTF-8: byte {error.start:,} cannot be read", code="invalid_encoding"
        ) from None
    except json.JSONDecodeError as error:
        raise models.InputError(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            code="invalid_json",
        ) from None
    except RecursionError:
        raise models.InputError("the body is nested too deeply", code="invalid_json") from None
    except ValueError as error:
        # A constant of ours, or an integer with more digits than Python reads.
        raise models.InputError(f"the body is not JSON: {error}", code="invalid_json") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _too_large(limit: int) -> models.InputError:
    return models.InputError(f"the body is larger than the limit of {limit:,} bytes", code="body_too_large")
