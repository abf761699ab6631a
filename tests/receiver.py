"""A receiver of webhooks: a real HTTP server that fails, hangs and redirects as it is told.

with receiving() as receiver:
    receiver.status = 500
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """A real HTTP server: it keeps what it gets and answers with `status`, after `hang` if that is set."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.refuses: Callable[[], bool] = lambda: False
        self.refused = 0
        self.headers: dict[str, str] = {}
        self.drip = False
        self.free = threading.Event()
        self.free.set()
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        while self.server.drip and not self.server.free.is_set():
            self.wfile.write(b"H")
            time.sleep(0.05)
        self.server.free.wait(20)
        refuses = self.server.refuses()
        self.server.refused += refuses
        self.send_response(503 if refuses else self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server that listens until the end of the block."""
    with Receiver(tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.free.set()
            server.shutdown()
            thread.join()
