"""One process that answers: the application at a socket of its own, until SIGTERM.

    answer(settings, "127.0.0.1", 3000)

Several may share a port: each binds it (SO_REUSEPORT) and listens when it is ready, and the system spreads new
connections over those that listen. SIGTERM lets what is under way end.
"""

import gc
import socket
from ipaddress import ip_address

import uvicorn

from service.settings import Settings

_KEEP_ALIVE = 65
"""Seconds that a connection may be idle: longer than load balancers use to keep theirs, so that they end them."""
_LAST_REQUESTS = 30
"""Seconds that requests under way have to end."""


def answer(settings: Settings, address: str, port: int) -> None:
    """Serve until told to stop. Raises `OSError` if the port cannot be had, `SystemExit` if the start fails."""
    from service.app import create_app

    with bound(address, port) as listening:
        config = uvicorn.Config(
            create_app(settings),
            lifespan="on",
            ws="none",
            # The application writes its own, with the id of the request and without the query.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_LAST_REQUESTS,
        )
        _Settled(config).run(sockets=[listening])


class _Settled(uvicorn.Server):
    """A server in which no look for cycles goes through what its start made, in the midst of a request."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set aside what is there then."""
        await super().startup(sockets)
        gc.freeze()


def bound(address: str, port: int) -> socket.socket:
    """A socket at the port, at which nobody listens yet. Raises `OSError`."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_REUSEPORT"):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        # The processes that it starts, if any, do not keep the port.
        found.set_inheritable(False)
    except OSError:
        found.close()
        raise
    return found
