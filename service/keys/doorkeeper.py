"""The doorkeeper: ASGI middleware that asks everybody who they are before anything else sees the request.

A middleware and not a dependency of routes, so that addresses which do not exist and routes that are added
later are behind it as well. A route finds the `Caller` in the request's state (`service.routes.given.Who`).
"""

import ipaddress
import re
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import InputError
from service import problems
from service.database import AWAY
from service.keys import access
from service.keys.access import Caller
from service.keys.key import Scope as KeyScope
from service.keys.sessions import COOKIE
from service.waiting import run

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
OPEN = frozenset({"/healthz", "/readyz", SIGN_IN, "/static/listenwell.css"})
"""Who asks for these is nobody's business; none of them tells anything of a comment."""
_BY_METHOD: dict[str, KeyScope] = {"GET": "read", "OPTIONS": "read", "DELETE": "admin"}
# What is not as its method says: method, address (the whole of it), scope.
_OTHERWISE: tuple[tuple[str, str, KeyScope], ...] = (
    ("GET", r"/metrics", "metrics"),
    # It changes nothing.
    ("POST", r"/v1/analyze", "read"),
    ("POST", SIGN_OUT, "read"),
    # It erases no comment.
    ("DELETE", r"/v1/jobs/[^/]+", "write"),
)


def needed(method: str, path: str) -> KeyScope:
    """The scope that a call needs: reading, writing or erasing, by its method unless it is listed.

    >>> needed("GET", "/v1/comments"), needed("POST", "/v1/comments"), needed("DELETE", "/v1/comments/a")
    ('read', 'write', 'admin')
    """
    # It is answered as GET is.
    method = "GET" if method == "HEAD" else method
    for one, address, scope in _OTHERWISE:
        if method == one and re.fullmatch(address, path):
            return scope
    return _BY_METHOD.get(method, "write")


_PASSED_ON = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
_REFUSED: tuple[type[Exception], ...] = (InputError, *AWAY)


class Doorkeeper:
    """Lets in who may come in, and tells at the way out where a limited key stands."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._keys_exist = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with the caller in the request's state, or answer with a problem."""
        if scope["type"] == "websocket":
            # There are none, and one that is added must not be open because this was forgotten.
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or path_of(scope) in OPEN:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        caller: Caller | None = None

        async def telling(message: Message) -> None:
            standing = caller.meter.standing if caller else None
            if message["type"] == "http.response.start" and standing:
                headers = MutableHeaders(scope=message)
                headers.update(standing.headers())
                if message["status"] == 429:
                    headers["Retry-After"] = str(standing.reset)
            await send(message)

        try:
            _refuse_line_end(path_of(scope))
            caller = await self._identified(request)
            request.state.caller = caller
            await _admit(caller, scope["method"], path_of(scope))
        except _REFUSED as error:
            answer = _to_sign_in(request, error) or await problems.answer(request, error)
            await answer(scope, receive, telling)
        else:
            await self.app(scope, receive, telling)

    async def _identified(self, request: Request) -> Caller:
        """Who is asking.

        A read of an SQLite file waits for nobody and takes less time than to hand it to a thread; another
        database is asked aside, and so is whatever writes.
        """
        engine = request.app.state.parts.engine
        far = engine.dialect.name != "sqlite"
        caller = await run(lambda: self._identify(request, engine), aside=far)
        if caller.unnoted:
            await run_in_threadpool(access.note, engine, caller.unnoted)
        return caller

    def _identify(self, request: Request, engine: sa.Engine) -> Caller:
        if header := request.headers.get("authorization"):
            return access.by_header(engine, header)
        # Once there is a key there always is one.
        self._keys_exist = self._keys_exist or access.keys_exist(engine)
        if self._keys_exist:
            if cookie := request.cookies.get(COOKIE):
                return access.by_cookie(engine, cookie)
            raise InputError("a key is needed: Authorization: Bearer lw_…", code="unauthorized")
        if not is_local(request.scope):
            raise InputError(
                "there is no key yet, so only this machine is answered; make one with: "
                "listenwell keys create --name NAME --scope admin",
                code="insecure_address",
            )
        return access.ANYBODY


def is_local(scope: Any) -> bool:
    """Whether a request came to this machine's own address, under one of its own names.

    A page of another site can have its name resolved to 127.0.0.1, and its reader's browser would then take us
    for that site; but the browser still sends that name as Host. What came by no address at all came through
    a socket in the file system, or from within the process. What a proxy passes on came from elsewhere, as far
    as it says so.
    """
    if any(name in _PASSED_ON for name, _ in scope["headers"]):
        return False
    hosts = tuple(value for name, value in scope["headers"] if name == b"host")
    return _is_local((scope.get("server") or ("",))[0], hosts)


# Most calls are to the same one.
@lru_cache(maxsize=64)
def _is_local(server: str, hosts: tuple[bytes, ...]) -> bool:
    address = _address(server)
    if address is None:
        return True
    return address.is_loopback and all(_is_ours(host.decode("latin-1")) for host in hosts)


def _is_ours(host: str) -> bool:
    name = re.sub(r":\d*$", "", host).strip("[]").lower()
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _refuse_line_end(path: str) -> None:
    """A line's end behind an address would make it another one here than for the routes, which overlook it."""
    if path.endswith("\n"):
        raise InputError(problems.NOTHING_HERE, code="not_found")


async def _admit(caller: Caller, method: str, path: str) -> None:
    scope = needed(method, path)
    if scope not in caller.scopes:
        raise InputError(f"this call needs a key with the scope {scope}", code="forbidden")
    await run(lambda: caller.meter.take("requests"), aside=caller.meter.limits("requests"))


def _to_sign_in(request: Request, error: Exception) -> Response | None:
    """A person with a browser is asked for a key, where a program is refused."""
    unknown = isinstance(error, InputError) and error.code == "unauthorized"
    if not unknown or not problems.for_people(request):
        return None
    if (request.method, path_of(request.scope)) == ("POST", SIGN_OUT):
        return RedirectResponse(SIGN_IN, status_code=303)  # their session ended before they did
    if request.method not in ("GET", "HEAD"):
        return None
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", status_code=303)


def path_of(scope: Scope) -> str:
    """The path as the routes see it."""
    return str(scope["path"]).removeprefix(scope.get("root_path", "")) or "/"
