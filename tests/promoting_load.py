"""A promotion under load: two processes, 50 requests a second, a model put in force meanwhile.

    python -m tests.promoting_load [--seconds 20]      # the shipped model, and a copy with other thresholds

Every tenth request is of forty comments, which go through the model in several batches; the others are of one. No
request may be dropped, and none may be answered by two models. Exit status 1 if one was.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx2

from models.loading import DEFAULT
from service.database import migrate, open_engine
from service.promotion.promoting import By, promote
from service.settings import Settings
from tests.spoilt import with_thresholds

ROOT = Path(__file__).parents[1]
RATE = 50
_BY = By("load", "under load")


@dataclass
class Seen:
    """What the clients saw: statuses, which versions each answer was of, and when and how long it took."""

    statuses: list[int] = field(default_factory=list)
    versions: list[set[str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """Requests that were not answered with 200; 0 stands for a broken connection."""
        return sum(status != 200 for status in self.statuses)

    @property
    def mixed(self) -> int:
        """Answers of more than one version."""
        return sum(len(versions) > 1 for versions in self.versions)


def under_load(folder: Path, first: Path, second: Path, seconds: float) -> tuple[Seen, str, str]:
    """Serve `first`, promote `second` after a third of the time; what was seen, and the two versions."""
    settings = Settings(database_url=f"sqlite:///{folder / 'load.db'}")
    engine = open_engine(settings.database_url)
    migrate(engine)
    before = promote(engine, settings, str(first), by=_BY, override=True).version

    async def both() -> tuple[Seen, str]:
        sent = asyncio.create_task(_send(url, seconds))
        await asyncio.sleep(seconds / 3)
        decided = await asyncio.to_thread(promote, engine, settings, str(second), by=_BY, override=True)
        return await sent, decided.version

    with _server(folder, settings) as url:
        seen, after = asyncio.run(both())
    engine.dispose()
    return seen, before, after


async def _send(url: str, seconds: float) -> Seen:
    """At its time, whether the one before is answered or not."""
    seen, start = Seen(), time.perf_counter()
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20)
    async with httpx2.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        tasks = []
        for number in range(int(seconds * RATE)):
            await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(_ask(client, number, seen)))
        await asyncio.gather(*tasks)
    return seen


async def _ask(client: httpx2.AsyncClient, number: int, seen: Seen) -> None:
    # No two alike: nothing is answered from what was remembered.
    count = 40 if number % 10 == 0 else 1
    texts = [f"Agent {number}-{at} was kind but nobody ever fixed my bill." for at in range(count)]
    started, status, versions = time.perf_counter(), 0, set[str]()
    try:
        answer = await client.post("/v1/analyze", json={"comments": [{"text": text} for text in texts]})
        status = answer.status_code
        versions = {one["model_version"] for one in answer.json().get("results", [])}
    except httpx2.TransportError:
        pass
    seen.statuses.append(status)
    seen.versions.append(versions)
    seen.seconds.append(time.perf_counter() - started)


@contextmanager
def _server(folder: Path, settings: Settings) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if name != "LISTENWELL_MODEL"} | {
        "LISTENWELL_DATABASE_URL": settings.database_url,
        "LISTENWELL_JOB_WORKERS": "0",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(port), "--workers", "2"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/readyz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server did not become ready")


def main() -> int:
    """Print what was seen with the shipped model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = [with_thresholds(DEFAULT, folder / one, at) for one, at in (("a", 0.4), ("b", 0.6))]
        seen, before, after = under_load(folder, *models, seconds)
    took = sorted(seen.seconds)
    p50, p99 = (took[int(share * (len(took) - 1))] * 1000 for share in (0.5, 0.99))
    of = {version: sum(found == {version} for found in seen.versions) for version in (before, after)}
    click.echo(
        f"{len(seen.statuses)} requests at {RATE} a second: {seen.dropped} dropped, {seen.mixed} of two models; "
        f"{of}; p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {took[-1] * 1000:.0f} ms"
    )
    return int(bool(seen.dropped or seen.mixed))


if __name__ == "__main__":
    sys.exit(main())
