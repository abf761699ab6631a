"""How long single comments wait at 60 and 80 % load, by a queueing model and by a load test; what a million cost.

    python -m tests.queueing                   about two minutes, on a machine with nothing else to do
    python -m tests.queueing --price 0.05      of a core for an hour

The model is a queue with bulk service (Bailey 1954): comments come by a Poisson process; a core that is free takes what
waits, at most a batch. How long a batch takes is measured and fitted: so much for a call, for a comment, for a word,
and for a request outside the model. The load test is an open loop: requests are sent when they are due, whether or not
those before were answered, and a latency counts from then. Lingering and second lanes are not in the model.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import models
from service.batching import NARROW
from tests.bench import load, servers
from tests.bench.figures import percentile
from tests.bench.servers import Cores, Server, Up
from tests.bench.workload import Workload, gather

LOADS = (0.6, 0.8)
SIMULATED = 40_000
_SIZES = (1, 2, 4, 8, 16, 32)
_CONNECTIONS = 32


@dataclass(frozen=True)
class Cost:
    """Seconds of one core: for a call of the model, a comment, a word, a request outside. `fit`: their R²."""

    call: float
    comment: float
    word: float
    request: float
    fit: float

    def of(self, words: Sequence[int]) -> float:
        """One batch of comments, each a request of its own."""
        return self.call + len(words) * (self.comment + self.request) + sum(words) * self.word


def fitted(workload: Workload, request: float) -> Cost:
    """The cost of a batch by least squares over random batches of 1 to 32 comments, in this process."""
    pipeline = models.load(threads=1)
    pipeline.analyze([models.Comment(text) for text in workload.take(256)])
    rows, seconds = [], []
    for size in _SIZES * 12:
        texts = workload.take(size)
        start = time.process_time()
        pipeline.analyze([models.Comment(text) for text in texts])
        seconds.append(time.process_time() - start)
        rows.append((1, size, sum(len(text.split()) for text in texts)))
    parts, left, *_ = np.linalg.lstsq(np.array(rows, dtype=float), np.array(seconds), rcond=None)
    fit = 1 - float(left[0]) / float(np.var(seconds) * len(seconds))
    return Cost(*(float(part) for part in parts), request, fit)


def simulated(cost: Cost, words: Sequence[int], rate: float, seed: int = 0) -> list[float]:
    """Latencies in seconds of comments that come `rate` a second to one core."""
    dice = random.Random(seed)
    due, clock = deque[tuple[float, int]](), 0.0
    for _ in range(SIMULATED):
        clock += dice.expovariate(rate)
        due.append((clock, dice.choice(words)))
    free, latencies = 0.0, []
    while due:
        free = max(free, due[0][0])
        batch = []
        while due and due[0][0] <= free and len(batch) < NARROW.comments:
            batch.append(due.popleft())
        free += cost.of([length for _, length in batch])
        latencies += [free - came for came, _ in batch]
    return latencies


async def offered(up: Up, texts: Sequence[str], rate: float, seed: int = 0) -> list[float]:
    """Latencies of comments that are sent `rate` a second, from when each was due; raises on any answer but 200."""
    dice, idle, latencies = random.Random(seed), list[load.Streams](), list[float]()

    async def one(body: str, due: float) -> None:
        streams = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", up.port)
        streams[1].write(load.request(up.server.path, body))
        status = await load.answer(streams[0])
        if status != 200:
            raise RuntimeError(f"status {status}")
        latencies.append(time.perf_counter() - due)
        idle.append(streams)

    due, asked = time.perf_counter(), []
    for text in texts:
        due += dice.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked.append(asyncio.create_task(one(up.server.body([text]), due)))
    await asyncio.gather(*asked)
    for streams in idle:
        streams[1].close()
    return latencies


def most(up: Up, texts: Sequence[str], seconds: float = 5.0) -> float:
    """Single comments that it answers in a second, asked over 32 connections in a closed loop."""
    plan = load.Plan(
        up.port, up.server.path, [up.server.body([text]) for text in texts], _CONNECTIONS, seconds
    )
    outcome = asyncio.run(load.load(plan))
    return outcome.answered / outcome.seconds


def measure(server: Server, cores: Cores, workload: Workload, seconds: float) -> tuple[Cost, float]:
    """Print the table; the cost and the greatest rate."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        weightless = replace(server, environment={**server.environment, "LISTENWELL_MODEL": "weightless"})
        with servers.running(weightless, cores, log) as up:
            request = 1 / most(up, workload.take(12_000))
        cost = fitted(workload, request)
        words = [len(text.split()) for text in workload.texts]
        say(
            f"ms: {1e3 * cost.call:.2f} a batch, {1e3 * cost.comment:.3f} a comment, {1e3 * cost.word:.4f} a word"
            f" (R² {cost.fit:.3f}), {1e3 * cost.request:.3f} a request outside the model"
        )
        with servers.running(server, cores, log) as up:
            most(up, workload.take(1_500), 1.5)
            greatest = most(up, workload.take(5_000))
            full = sum(cost.of(random.Random(i).sample(words, NARROW.comments)) for i in range(200)) / 200
            say(f"at most {greatest:.0f} a second measured, {NARROW.comments / full:.0f} by the model")
            for share in LOADS:
                rate = share * greatest
                expected = simulated(cost, words, rate)
                found = asyncio.run(offered(up, workload.take(int(rate * seconds)), rate))
                say(f"{share:.0%}, {rate:.0f} a second: model {shown(expected)}; measured {shown(found)}")
    return cost, greatest


def shown(latencies: Sequence[float]) -> str:
    """Median and p99 in milliseconds."""
    p50, p99 = (1e3 * percentile(latencies, share) for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (n = {len(latencies):,})"


def on_paper(cost: Cost, greatest: float, words: Sequence[int], price: float) -> None:
    """What a million comments cost in a back-fill and over HTTP, and the cores for 1,000 a second."""
    mean = sum(words) / len(words)
    backfill = 1 / (cost.comment + mean * cost.word + cost.call / 256)
    for name, rate in (
        ("back-fill, 256 at once, tagging alone", backfill),
        ("single comments over HTTP", greatest),
    ):
        hours = 1e6 / rate / 3_600
        say(f"a million comments, {name}: {hours:.2f} core hours, {hours * price:.3f} at {price} a core hour")
    for share in LOADS:
        say(f"1,000 single comments a second at {share:.0%} load: {1_000 / (share * greatest):.1f} cores")


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.queueing", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--price", type=float, default=0.05, help="of one core for an hour, in any currency")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load at each share")
    given = parser.parse_args()
    cores = Cores.shared_out(1)
    _, workload = gather(8, 60_000)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores.client)
    with tempfile.TemporaryDirectory() as folder:
        cost, greatest = measure(servers.ours(Path(folder)), cores, workload, given.seconds)
    on_paper(cost, greatest, [len(text.split()) for text in workload.texts], given.price)


if __name__ == "__main__":
    main()
