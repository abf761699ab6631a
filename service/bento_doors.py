"""Two pieces of ASGI middleware for BentoML's side of the house, which brings routes of its own.

Those (/livez, /schema.json, /docs.json, the calls of a service) know nothing of keys. So in front, all but the
question whether the service is ready goes to our application, and its doorkeeper; and the encoder, which
only the API processes may call, wants a word that only they know.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

WORD = "LISTENWELL_ENCODER_WORD"
HEADER = "x-listenwell-word"
_READY = "/readyz"


class Front:
    """Hands every request to our application; only BentoML knows whether the encoder is ready."""

    def __init__(self, app: ASGIApp, ours: ASGIApp) -> None:
        self.app = app
        self.ours = ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the one or the other."""
        theirs = scope["type"] == "lifespan" or scope.get("path") == _READY
        await (self.app if theirs else self.ours)(scope, receive, send)


class Inside:
    """Refuses who does not know the word.

    Where there are Unix sockets the encoder listens on one in a folder of this user alone; elsewhere on a port
    of this machine, and its body may be a pickle, which runs what it likes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and scope["path"] != _READY and not _knows(scope):
            await PlainTextResponse("This is not a door.\n", status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def agree(environment: Any = os.environ) -> None:
    """Make up the word, unless the process that started this one did."""
    environment.setdefault(WORD, secrets.token_urlsafe(32))


def introduce(encoder: object, environment: Mapping[str, str] = os.environ) -> None:
    """Have the client of the encoder say the word; where it lives in this process there is no client."""
    for side in ("to_sync", "to_async"):
        client: Any = getattr(encoder, side, None)
        if hasattr(client, "default_headers"):
            client.default_headers[HEADER] = environment[WORD]


def _knows(scope: Scope) -> bool:
    given = b"".join(value for name, value in scope["headers"] if name == HEADER.encode())
    return hmac.compare_digest(given, os.environ.get(WORD, "").encode()) and bool(given)
