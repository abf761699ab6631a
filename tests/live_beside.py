"""How long single comments wait for their answer while a back-fill runs beside them, and while none does.

    python -m tests.live_beside                            # a new SQLite file; ten rounds, eleven minutes
    python -m tests.live_beside --database postgresql      # a PostgreSQL of its own, with all its waiting for the disk
    python -m tests.live_beside --database URL             # an empty database of yours

Starts `listenwell serve` with the shipped model. A round is a window without a job and one with a job running,
in turns first and second, so that what else the machine does falls on both. Requests come at random moments, at
a given rate, whether or not the ones before are answered (open loop), and are timed from the moment they were due.
The intervals (95 %) are of 2,000 bootstrap samples of whole rounds and of requests within them. The exit status
is 1 if the p99 beside a job is more than twice that without, for either call, or if a request failed.
"""

import argparse
import csv
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.databases import KINDS, Databases, PostgresServer
from tests.service.jobs.conftest import jsonl

ROOT = Path(__file__).parents[1]
DOORS = ("POST /v1/comments", "POST /v1/analyze")
STATES = ("idle", "beside")
AT_MOST = 2.0
_RESAMPLES = 2_000
_PATIENCE = 120.0
Milliseconds = NDArray[np.float64]
# Per round, state and door.
Rounds = list[dict[tuple[str, str], Milliseconds]]


@contextmanager
def serving(url: str, folder: Path) -> Iterator[str]:
    """A server with one worker for jobs, ready; where it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "LISTENWELL_DATABASE_URL": url,
        "LISTENWELL_FILES": str(folder / "files"),
        "LISTENWELL_LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        here = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _PATIENCE
        while not _ready(here):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "log").read_text(errors="replace"))
            time.sleep(0.2)
        yield here
    except SystemExit:
        lines = (folder / "log").read_text(errors="replace").splitlines()
        say("\n".join([line for line in lines if "bentoml.access" not in line][-60:]))
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Live:
    """Clients that send single comments. No two comments are the same, so that none is a replay."""

    def __init__(self, url: str, texts: list[str], seed: int) -> None:
        # Idle connections are closed here before the server closes them: neither end is then caught unawares.
        limits = httpx.Limits(max_connections=64, keepalive_expiry=2)
        self.client = httpx.Client(base_url=url, timeout=60, limits=limits)
        self.dice = random.Random(seed)
        self.texts = texts
        self.failures: Counter[str] = Counter()
        self._numbers = count()

    def window(self, seconds: float, rate: float) -> dict[str, Milliseconds]:
        """Latencies of the requests that were due in so many seconds, by door."""
        begun: dict[str, list[Future[float]]] = {door: [] for door in DOORS}
        end = time.perf_counter() + seconds
        due = time.perf_counter() + self.dice.expovariate(rate)
        with ThreadPoolExecutor(64) as pool:
            while due < end:
                time.sleep(max(due - time.perf_counter(), 0))
                number = next(self._numbers)
                door = DOORS[number % len(DOORS)]
                begun[door].append(pool.submit(self.send, door, number, due))
                due += self.dice.expovariate(rate)
        return {door: np.array([one.result() for one in found]) for door, found in begun.items()}

    def send(self, door: str, number: int, due: float) -> float:
        """One comment; milliseconds from when it was due to its answer."""
        comment = {"id": f"live-{number}", "text": f"{self.texts[number % len(self.texts)]} ({number})"}
        answer = self.client.post(door.removeprefix("POST "), json={"comments": [comment]})
        took = 1_000 * (time.perf_counter() - due)
        if answer.status_code != 200 or answer.json()["errors"]:
            self.failures[f"{door}: {answer.status_code} {answer.text}"] += 1
        return took


class Backfill:
    """Jobs of so many rows, one at a time, always of new comments."""

    def __init__(self, client: httpx.Client, texts: list[str], rows: int) -> None:
        self.client = client
        self.texts = texts
        self.rows = rows
        self._numbers = count()

    @contextmanager
    def running(self) -> Iterator[None]:
        """A job that is at work throughout the block, and cancelled behind it."""
        job = self._start(self.rows)
        before = self._wait(job, lambda found: found["counts"]["created"] > 0)
        yield
        after = self._look(job)
        if after["state"] != "running" or after["position"] == before["position"]:
            raise SystemExit(f"the job was {after['state']} at row {after['position']}: give it more --rows")
        self.client.delete(job)
        # Its worker sees that behind the batch at hand.
        time.sleep(3)

    def once(self) -> None:
        """A short job from end to end: the worker loads its model with the first one."""
        self._wait(self._start(200), lambda found: found["state"] == "done")

    def _start(self, rows: int) -> str:
        number = next(self._numbers)
        comments = (
            {"id": f"job-{number}-{row}", "text": f"{self.texts[row % len(self.texts)]} ({row})"}
            for row in range(rows)
        )
        answer = self.client.post("/v1/jobs?format=jsonl", content=jsonl(comments))
        if answer.status_code != 202:
            raise SystemExit(answer.text)
        return str(answer.headers["location"])

    def _look(self, job: str) -> Any:
        return self.client.get(job).json()

    def _wait(self, job: str, done: Any) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while not done(found := self._look(job)):
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing became of {found}")
            time.sleep(0.2)
        return found


def measure(
    url: str, rounds: int, seconds: float, rate: float, rows: int, seed: int
) -> tuple[Rounds, Counter[str]]:
    """All windows, and what was answered other than 200; what each round came to is printed as it ends."""
    with (ROOT / "examples" / "feedback.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    live = Live(url, texts, seed)
    backfill = Backfill(live.client, texts, rows)
    backfill.once()
    live.window(5, rate)
    found: Rounds = []
    for round in range(rounds):
        of_round: dict[tuple[str, str], Milliseconds] = {}
        for state in STATES if round % 2 == 0 else STATES[::-1]:
            with ExitStack() as stack:
                if state == "beside":
                    stack.enter_context(backfill.running())
                of_round |= {(state, door): took for door, took in live.window(seconds, rate).items()}
        found.append(of_round)
        shown = ", ".join(
            f"{door[8:]} p99 {p(99, [of_round], 'idle', door):.0f} | {p(99, [of_round], 'beside', door):.0f} ms"
            for door in DOORS
        )
        say(f"round {round + 1}: {shown}; load {os.getloadavg()[0]:.1f}")
    return found, live.failures


def p(percent: float, rounds: Rounds, state: str, door: str) -> float:
    """A percentile over all requests of some rounds."""
    return float(np.percentile(np.concatenate([one[state, door] for one in rounds]), percent))


def resampled(rounds: Rounds, dice: np.random.Generator) -> Rounds:
    """Whole rounds with replacement, and requests within each window."""
    picked = [rounds[i] for i in dice.integers(len(rounds), size=len(rounds))]
    return [{key: dice.choice(took, len(took)) for key, took in one.items()} for one in picked]


def report(rounds: Rounds, seed: int) -> bool:
    """Print the table; true if neither call's p99 is more than `AT_MOST` times what it is without a job."""
    dice = np.random.default_rng(seed)
    samples = [resampled(rounds, dice) for _ in range(_RESAMPLES)]
    good = True
    for door in DOORS:
        n = {state: sum(len(one[state, door]) for one in rounds) for state in STATES}
        say(f"{door}, {n['idle']:,} requests without a job and {n['beside']:,} beside one:")
        for percent in (50, 99):
            values = {
                state: [p(percent, some, state, door) for some in (rounds, *samples)] for state in STATES
            }
            ratios = np.divide(values["beside"], values["idle"])
            told = [f"{state} {_interval(values[state], '.1f')} ms" for state in STATES]
            say(f"  p{percent}: {', '.join(told)}; ratio {_interval(ratios, '.2f')}")
        good = good and float(ratios[0]) <= AT_MOST
        each = [p(99, [one], "beside", door) / p(99, [one], "idle", door) for one in rounds]
        say(f"  ratio in single rounds: median {np.median(each):.2f}, {min(each):.2f} to {max(each):.2f}")
    return good


def say(line: str) -> None:
    """Print at once, also into a file."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _interval(values: Any, form: str) -> str:
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return f"{values[0]:{form}} [{low:{form}}, {high:{form}}]"


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or the URL of an empty one")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30, help="length of a window")
    parser.add_argument("--rate", type=float, default=8, help="requests a second, both calls together")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a job")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = given.database
        if url in KINDS:
            server = stack.enter_context(PostgresServer(durable=True)) if url == "postgresql" else None
            url = stack.enter_context(Databases(url, folder, server).new())
        here = stack.enter_context(serving(url, folder))
        rounds, failures = measure(here, given.rounds, given.seconds, given.rate, given.rows, given.seed)
    good = report(rounds, given.seed)
    for what, number in failures.items():
        say(f"{number} times {what}")
    sys.exit(0 if good and not failures else 1)


if __name__ == "__main__":
    main()
