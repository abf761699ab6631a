"""Servers as processes: ours, infinity, LitServe. Started, asked for a first answer, watched, ended.

All run on the same cores, away from the client's where there are enough, and are told how many these are.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.bench.noise import tree_seconds
from tests.bench.process import ROOT, Absent, one_thread

_PATIENCE = 90.0
_FIRST = "Agent was kind but nobody ever fixed my bill."


@dataclass(frozen=True)
class Server:
    """How a server is started on a port, and how texts are put to it."""

    name: str
    title: str
    command: Callable[[int], Sequence[str | Path]]
    path: str
    body: Callable[[Sequence[str]], str]
    batches: bool = True
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cores:
    """Who may use which cores."""

    server: list[int]
    client: list[int]

    @classmethod
    def shared_out(cls, for_server: int) -> "Cores":
        """The first so many for the server, the rest for the client; all for both where none is left."""
        there = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return cls(there[:for_server], there[for_server:] or there)


@dataclass(frozen=True)
class Up:
    """A server that answers. `first_answer`: seconds from the start of its process to its first answer.

    `first_cpu`: processor seconds of all its processes until then, which others on the machine hardly touch.
    """

    server: Server
    process: "subprocess.Popen[bytes]"
    port: int
    first_answer: float
    first_cpu: float

    def labels(self, texts: Sequence[str]) -> list[list[str]]:
        """Issues and strengths of each, asked for in one request. Only of servers that answer as ours does."""
        answer = json.loads(_ask(self.server, self.port, texts))
        return [sorted(m["id"] for m in (*one["issues"], *one["strengths"])) for one in answer["results"]]

    def memory(self) -> tuple[float, float]:
        """Resident memory of the largest of its processes, and their sum without what they share; in 10^6 bytes."""
        root = psutil.Process(self.process.pid)
        found = [each.memory_full_info() for each in [root, *root.children(recursive=True)]]
        return max(one.rss for one in found) / 1e6, sum(one.pss for one in found) / 1e6


def comments(texts: Sequence[str]) -> str:
    """A request of ours."""
    return json.dumps({"comments": [{"text": text} for text in texts]})


def ours(folder: Path) -> Server:
    """`listenwell serve` with its settings at default and a database of its own."""
    return Server(
        "listenwell",
        "listenwell serve",
        lambda port: [sys.executable, "-m", "models.command", "serve", "--port", str(port)],
        "/v1/analyze",
        comments,
        environment={
            "LISTENWELL_DATABASE_URL": f"sqlite:///{folder / 'serving.db'}",
        },
    )


def infinity(venv: Path, classifier: Path) -> Server:
    """infinity's /classify on torch, with what it brings."""
    return Server(
        "infinity",
        "infinity /classify, torch fp32",
        lambda port: [
            venv / "bin" / "infinity_emb",
            *("v2", "--model-id", classifier, "--served-model-name", "classifier", "--port", str(port)),
            *("--host", "127.0.0.1", "--engine", "torch", "--device", "cpu", "--no-model-warmup"),
        ],
        "/classify",
        lambda texts: json.dumps({"model": "classifier", "input": list(texts), "raw_scores": True}),
        batches=False,
        environment={"DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"},
    )


def litserve(python: Path, runtime: str, threads: int) -> Server:
    """LitServe with our pipeline behind it."""
    return Server(
        "litserve",
        f"LitServe, our pipeline on {runtime}",
        lambda port: [python, "-m", "tests.bench.litserve_app", str(port), runtime, str(threads)],
        "/predict",
        comments,
    )


@contextmanager
def running(server: Server, cores: Cores, log: Path) -> Iterator[Up]:
    """A server from its start to its end. Raises `Absent` if it ends by itself or does not answer."""
    port = _free_port()
    with log.open("ab") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(server.command(port)),
            cwd=ROOT,
            env=os.environ | one_thread(max(1, len(cores.server))) | server.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: _keep_to(cores.server),
        )
        try:
            _first_answer(server, process, port, log)
            yield Up(server, process, port, time.perf_counter() - start, tree_seconds(process.pid))
        finally:
            _end(process)


def _first_answer(server: Server, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Absent(f"it ended with status {process.returncode}; see {log.name}")
        try:
            _ask(server, port, [_FIRST])
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
    raise Absent(f"no answer in {_PATIENCE:.0f} s; see {log.name}")


def _ask(server: Server, port: int, texts: Sequence[str]) -> bytes:
    """One request outside the load. Raises `HTTPException` for another status than 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", server.path, server.body(texts), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return answer.read()
    finally:
        connection.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    beside = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in psutil.wait_procs(beside, timeout=5)[1]:
        one.kill()


def _keep_to(cores: Sequence[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
