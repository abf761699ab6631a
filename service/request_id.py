"""One id for a request: taken from `X-Request-Id` or made, in the answer and in every log line on the way."""

import re
import uuid
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_RAW = HEADER.lower().encode("ascii")
# What a client sends is written to logs: nothing in it may look like anything else.
_FIT = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_current: ContextVar[str | None] = ContextVar("listenwell_request_id", default=None)


def current() -> str | None:
    """The id of the request that is answered here, or None outside of one."""
    return _current.get()


class RequestIds:
    """ASGI middleware; an id that is not fit for a log line is replaced, not refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the id in the context and in the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _RAW), "")
        id = given if _FIT.fullmatch(given) else uuid.uuid4().hex
        # Never reset: the server's own log line and the last handler of errors come after this, in the same task.
        _current.set(id)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message["headers"] if each[0] != _RAW]
                message["headers"] = [*others, (_RAW, id.encode("ascii"))]
            await send(message)

        await self.app(scope, receive, marked)
