"""What stands before BentoML's side of the house, which brings routes and middleware of its own.

Its routes (/livez, /schema.json, /docs.json) know nothing of keys, and its middleware costs more than ours: a span
that nobody collects, a task and a timer for every request. So all requests go to our application, and its
doorkeeper, before BentoML sees them; it keeps its processes and their start and end.
"""

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send


class Front:
    """Middleware of BentoML's application that puts our own before it when it starts."""

    def __init__(self, app: ASGIApp, ours: ASGIApp) -> None:
        self.app = app
        self.ours = ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on start and end, and nothing else."""
        if scope["type"] == "lifespan":
            _first(scope["app"], self.ours)
            await self.app(scope, receive, send)
        else:
            await self.ours(scope, receive, send)


def _first(bento: Starlette, ours: ASGIApp) -> None:
    """Have requests come to us before the middleware that BentoML has put before ours."""
    theirs = bento.middleware_stack
    assert theirs is not None

    async def stack(scope: Scope, receive: Receive, send: Send) -> None:
        await (theirs if scope["type"] == "lifespan" else ours)(scope, receive, send)

    bento.middleware_stack = stack
