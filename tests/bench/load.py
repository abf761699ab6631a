"""A load of HTTP requests: so many connections, each with one request at a time, each body sent once.

    python -m tests.bench.load < plan.json

A process of its own, on cores of its own where there are enough. It speaks just enough HTTP/1.1 to keep connections
open, for a full client costs more than the server that it asks. A closed loop: no request is sent before the last one
of its connection was answered, so latencies are those under the load that the server itself allows.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_PAUSE = 0.05


@dataclass(frozen=True)
class Plan:
    """What is sent where. `cores`: those this process keeps to; none if it may use all."""

    port: int
    path: str
    bodies: list[str]
    connections: int
    seconds: float
    cores: list[int] = field(default_factory=list)


@dataclass
class Outcome:
    """How many were answered and refused, in how many seconds up to the last answer, and the latencies."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)


async def load(plan: Plan) -> Outcome:
    """Send until the time is over or all bodies are sent, then wait for what is still under way."""
    outcome, bodies = Outcome(), iter(plan.bodies)
    cpu, start = time.process_time(), time.perf_counter()
    deadline = start + plan.seconds
    await asyncio.gather(*(_converse(plan, bodies, deadline, outcome) for _ in range(plan.connections)))
    outcome.cpu = time.process_time() - cpu
    outcome.seconds = time.perf_counter() - start
    return outcome


async def _converse(plan: Plan, bodies: Iterator[str], deadline: float, outcome: Outcome) -> None:
    """One connection; where it is cut off the request counts as refused, and the next has a new one."""
    while time.perf_counter() < deadline:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
        except OSError:
            outcome.refused += 1
            await asyncio.sleep(_PAUSE)
            continue
        try:
            await _ask(plan.path, (reader, writer), bodies, deadline, outcome)
            return
        except (OSError, asyncio.IncompleteReadError):
            outcome.refused += 1
        finally:
            writer.close()


async def _ask(path: str, streams: Streams, bodies: Iterator[str], deadline: float, outcome: Outcome) -> None:
    reader, writer = streams
    for body in bodies:
        start = time.perf_counter()
        if start >= deadline:
            return
        writer.write(request(path, body))
        status = await answer(reader)
        outcome.latencies.append(time.perf_counter() - start)
        outcome.answered += status == 200
        outcome.refused += status != 200


def request(path: str, body: str) -> bytes:
    """The bytes of one POST."""
    data = body.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


async def answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"content-length:")
    if not length:
        raise ValueError("an answer without its length")
    await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    return int(head.split(b" ", 2)[1])


def main() -> None:
    """Plan in, outcome out."""
    plan = Plan(**json.load(sys.stdin))
    if plan.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, plan.cores)
    json.dump(asdict(asyncio.run(load(plan))), sys.stdout)


if __name__ == "__main__":
    main()
