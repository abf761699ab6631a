"""The server under pressure: starts `listenwell serve`, treats it badly, and prints what it saw.

    python -m tests.pressure                      # the shipped model; --model weightless for the service alone
    python -m tests.pressure --only killed,gone

Not part of the suite: what it prints depends on the machine. Exit status 1 if something was not answered as it should.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

PORT = 3990
ROOT = Path(__file__).parents[1]
SINGLE = ["Agent was kind but nobody ever fixed my bill."]
Answer = tuple[int, float]
"""HTTP status (0: the connection broke) and seconds."""


def request(texts: list[str]) -> bytes:
    body = json.dumps({"comments": [{"text": text} for text in texts]}).encode()
    head = f"POST /v1/analyze HTTP/1.1\r\nhost: localhost:{PORT}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", PORT)


async def read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head[9:12])


async def ask(texts: list[str]) -> Answer:
    """One request on a connection of its own."""
    start, status = time.perf_counter(), 0
    try:
        reader, writer = await connect()
        writer.write(request(texts))
        status = await read_answer(reader)
        writer.close()
    except (OSError, EOFError):
        pass
    return status, time.perf_counter() - start


def shown(answers: list[Answer]) -> str:
    seconds = sorted(one[1] for one in answers)
    p50, p99 = (seconds[int(share * (len(seconds) - 1))] * 1000 for share in (0.5, 0.99))
    statuses = dict(sorted(Counter(one[0] for one in answers).items()))
    most = seconds[-1] * 1000
    return (
        f"{len(answers):,} requests, statuses {statuses}, p50 {p50:,.0f}, p99 {p99:,.0f}, most {most:,.0f} ms"
    )


class Server:
    """The server as a process, and the processes of it that answer."""

    def __init__(self, model: str, folder: Path) -> None:
        environment = os.environ | {
            "LISTENWELL_MODEL": model,
            "LISTENWELL_JOB_WORKERS": "0",
            "LISTENWELL_DATABASE_URL": f"sqlite:///{folder / 'pressure.db'}",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "models.command", "serve", "--port", str(PORT), "--workers", "2"]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=subprocess.STDOUT)

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def megabytes(self) -> list[int]:
        return [worker.memory_info().rss >> 20 for worker in self.workers()]

    def connections(self) -> list[int]:
        found = [worker.net_connections("tcp") for worker in self.workers()]
        return [sum(one.status == psutil.CONN_ESTABLISHED for one in those) for those in found]

    def listening(self) -> set[int]:
        """The ids of the processes that answer."""
        found = set()
        for worker in self.workers():
            with suppress(psutil.Error):
                if any(one.status == psutil.CONN_LISTEN for one in worker.net_connections("tcp")):
                    found.add(worker.pid)
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.log.close()
        return status


async def started(server: Server) -> str:
    start = time.perf_counter()
    while (await ask(SINGLE))[0] != 200:
        assert server.process.poll() is None, "the server ended"
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - start
    while len(server.listening()) < 2:
        await asyncio.sleep(0.1)
    return f"first answer after {seconds:.1f} s"


async def spread(server: Server) -> str:
    streams = [await connect() for _ in range(32)]
    for reader, writer in streams:
        writer.write(request(SINGLE))
        assert await read_answer(reader) == 200
    counts = server.connections()
    for _, writer in streams:
        writer.close()
    assert min(counts) > 0, counts
    return f"32 kept connections lie on the processes as {counts}"


async def words(server: Server) -> str:
    batch = [f"word{number}" for number in range(500)]
    start = time.perf_counter()
    answers = [one for _ in range(5) for one in await asyncio.gather(*(ask(batch) for _ in range(4)))]
    return f"10,000 one-word comments in {time.perf_counter() - start:.1f} s: {shown(answers)}"


async def beside(work: Awaitable[Any]) -> tuple[Any, list[Answer]]:
    """What singles get while something else is at work."""
    task, answers = asyncio.ensure_future(work), []
    while not task.done():
        answers.append(await ask(SINGLE))
        await asyncio.sleep(0.01)
    return await task, answers


async def giant(server: Server) -> str:
    texts = ["The app crashes whenever I pay. " * 3_125, *(f"Late again, {n}." for n in range(255))]
    large, singles = await beside(ask(texts))
    assert large[0] == 200
    return f"one of 100,000 characters with 255 short ones took {large[1]:.1f} s; singles beside: {shown(singles)}"


async def crowd(server: Server) -> str:
    answers = await asyncio.gather(*(ask(SINGLE) for _ in range(500)))
    assert {one[0] for one in answers} <= {200, 503}
    return f"500 connections at once: {shown(answers)}"


async def trickle(server: Server) -> str:
    streams = [await connect() for _ in range(100)]

    async def slowly(writer: asyncio.StreamWriter) -> None:
        for byte in request(SINGLE)[:40]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        writer.close()

    _, singles = await beside(asyncio.gather(*(slowly(writer) for _, writer in streams)))
    assert {one[0] for one in singles} == {200}
    return f"100 clients that send a byte every 50 ms; singles beside: {shown(singles)}"


async def gone(server: Server) -> str:
    batch = request([f"Nobody waits for this one, {number}. " * 20 for number in range(500)])
    for _ in range(20):
        _, writer = await connect()
        writer.write(batch)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort()
    await asyncio.sleep(0.5)
    start = time.perf_counter()
    answers = [await ask(SINGLE * 20) for _ in range(4)]
    return f"after 20 batches of 500 were given up, 4 of 20 in {time.perf_counter() - start:.1f} s: {shown(answers)}"


async def killed(server: Server) -> str:
    answers: list[tuple[float, int]] = []
    end = time.perf_counter() + 12

    async def client() -> None:
        while time.perf_counter() < end:
            status, _ = await ask(SINGLE)
            answers.append((time.perf_counter(), status))
            await asyncio.sleep(0.005)

    clients = asyncio.gather(*(client() for _ in range(8)))
    await asyncio.sleep(2)
    first = server.listening()
    assert len(first) == 2, first
    victim = first.pop()
    os.kill(victim, signal.SIGKILL)
    start = time.perf_counter()
    while not server.listening() - first - {victim}:
        await asyncio.sleep(0.05)
        assert time.perf_counter() < end + 30, "no worker came in its place"
    back = time.perf_counter() - start
    await clients
    good = sorted(moment for moment, status in answers if status == 200)
    gap = max(after - before for before, after in pairwise(good))
    broken = sum(status != 200 for _, status in answers)
    return (
        f"one of two processes killed: {broken} of {len(answers):,} requests broke, longest time without an answer "
        f"{gap:.2f} s, the new one listens after {back:.1f} s"
    )


SCENES: dict[str, Callable[[Server], Awaitable[str]]] = {
    one.__name__: one for one in (spread, words, giant, crowd, trickle, gone, killed)
}


async def play(server: Server, names: list[str]) -> None:
    print(await started(server), flush=True)  # noqa: T201
    before = server.megabytes()
    for name in names:
        line = await SCENES[name](server)
        print(f"{name}: {line}; MB {server.megabytes()}", flush=True)  # noqa: T201
    print(f"MB of the processes before {before}, after {server.megabytes()}", flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="default")
    parser.add_argument("--only", default=",".join(SCENES), help="scenes, with commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options.model, Path(folder))
        try:
            asyncio.run(play(server, options.only.split(",")))
        finally:
            status = server.stop()
        print(f"stopped with status {status}")  # noqa: T201


if __name__ == "__main__":
    main()
