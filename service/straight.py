"""What stands last before the routes: the way of live traffic, and HEAD.

`POST /v1/analyze` without options goes straight to its endpoint. The framework's search for the route and its
dependencies cost a single comment more than all else that is ours. What is checked, answered and refused is the same,
by the same functions; a call with a query goes through the framework.

HEAD is asked of the routes as GET, since the framework gives a route of GET no HEAD.
"""

from contextlib import suppress

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import models
from service import problems
from service.body import read_body
from service.database import AWAY
from service.keys.doorkeeper import path_of
from service.routes.analyze import analyze, router
from service.routes.given import caller_of, from_our_own_pages, parts_of

(_ROUTE,) = (route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is analyze)
_TOLD: tuple[type[Exception], ...] = (models.ListenwellError, *AWAY)


class Straight:
    """ASGI middleware, behind the doorkeeper and all that watches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is anything else."""
        if not _is_plain(scope):
            await self.app(scope, receive, send)
            return
        # Those that watch count and name requests by it.
        scope["route"] = _ROUTE
        request = Request(scope, receive)
        try:
            answer = await _answered(request)
        except _TOLD as error:
            answer = await problems.answer(request, error)
        await answer(scope, receive, send)


class Heads:
    """ASGI middleware: HEAD is answered as GET is, without the body (RFC 9110, 9.3.2).

    Those before it still see HEAD: they count it as what it is, and the server must know that no body will come.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, as GET where it is HEAD."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        try:
            with suppress(_EnoughError):
                await self.app(asked, receive, _without_body(send))
        finally:
            # Those that watch name requests by it.
            scope["route"] = asked.get("route")


class _EnoughError(Exception):
    """Leaves a stream whose body nobody asked for."""


def _without_body(send: Send) -> Send:
    async def sparing(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if message.get("more_body", False):
            # A stream that is left is closed; one that is not would be read to its end for nothing.
            raise _EnoughError

    return sparing


def _is_plain(scope: Scope) -> bool:
    http = scope["type"] == "http"
    return http and scope["method"] == "POST" and not scope["query_string"] and path_of(scope) == _ROUTE.path


async def _answered(request: Request) -> Response:
    await from_our_own_pages(request)
    parts, caller = await parts_of(request), await caller_of(request)
    return await analyze(request, parts, caller, await read_body(request))
