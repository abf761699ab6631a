"""What the doorkeeper costs: the time of a call that does next to nothing, without keys, with one, with a limit.

    python -m tests.key_cost [--calls 2000] [--database URL]

Calls go to the application in this process, one after the other, so that no network is measured. A database
that is named must be a new one.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import models
from service.app import create_app
from service.settings import Settings
from tests.keys import bearer, make_key


async def call(app: FastAPI, headers: dict[str, str]) -> int:
    """The status of `GET /v1/limits`."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/limits",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "root_path": "",
    }
    await app(scope, receive, send)
    return statuses[0]


async def measure(app: FastAPI, name: str, headers: dict[str, str], calls: int) -> None:
    """Print the median and the 99th percentile."""
    times = []
    for number in range(calls + 50):
        start = time.perf_counter()
        assert await call(app, headers) == 200
        if number >= 50:
            times.append(1_000 * (time.perf_counter() - start))
    cuts = statistics.quantiles(times, n=100)
    print(f"{name:<24} p50 {cuts[49]:6.2f} ms   p99 {cuts[98]:6.2f} ms   n {calls:,}")  # noqa: T201


async def run(url: str, calls: int) -> None:
    """All three, on one database."""
    app = create_app(Settings(model="weightless", database_url=url), models.load("weightless").analyze)
    async with app.router.lifespan_context(app):
        engine = app.state.parts.engine
        await measure(app, "no keys", {}, calls)
        await measure(app, "a key", bearer(make_key(engine, "read")), calls)
        limited = make_key(engine, "read", requests_per_minute=10**9)
        await measure(app, "a key with a limit", bearer(limited), calls)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--database", help="an SQLAlchemy URL; a new SQLite file if not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options.database or f"sqlite:///{Path(folder) / 'a.db'}", options.calls))


if __name__ == "__main__":
    main()
