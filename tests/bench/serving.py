"""HTTP: rate, latency, memory and first answer of each server, beside the bare encoder on the same comments.

Each round starts every server anew and gives all of them the same comments, in cells: single comments over 1, 8 and 32
connections, requests of 64 comments over 4. A round of the bare encoder on one thread follows each server.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.figures import Spread, percentile, ratios
from tests.bench.load import Plan
from tests.bench.noise import Noise, tree_seconds
from tests.bench.process import ROOT, Absent, Round, Running
from tests.bench.servers import Cores, Server, Up, running
from tests.bench.workload import Workload

CELLS = {"c1": (1, 1), "c8": (8, 1), "c32": (32, 1), "b64": (4, 64)}
"""Connections and comments a request of each cell."""
_WARM = 64
_FASTEST = 700
"""Comments that one core may get through in a second, at most: so many are kept ready."""


@dataclass(frozen=True)
class Cell:
    """One cell in one round; rates in comments a second, latencies in milliseconds over `n` requests."""

    rate: float
    wall_rate: float
    p50: float
    p95: float
    p99: float
    n: int
    refused: int
    client_cores: float
    others: float


@dataclass
class Served:
    """What was measured of one server, round by round. `bare`: the bare encoder just after it.

    `same_labels`: the share of some comments that it gives the very labels that the pipeline gives in its own process.
    """

    server: Server
    absent: str | None = None
    first_answer: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    same_labels: list[float] = field(default_factory=list)
    largest_mb: list[float] = field(default_factory=list)
    all_mb: list[float] = field(default_factory=list)
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    bare: list[Round] = field(default_factory=list)

    def to_dict(self, cores: int) -> dict[str, Any]:
        """As results.json has it; beside the rates their share of the bare encoder's, on as many cores."""
        return {
            "name": self.server.name,
            "title": self.server.title,
            "absent": self.absent,
            "first_answer_s": _figure(self.first_answer),
            "first_answer_cpu_s": _figure(self.first_cpu),
            "same_labels": _figure(self.same_labels),
            "largest_process_mb": _figure(self.largest_mb),
            "all_processes_mb": _figure(self.all_mb),
            "bare": _figure([one.rate for one in self.bare]),
            "cells": {name: self._cell(found, cores) for name, found in self.cells.items()},
        }

    def _cell(self, found: Sequence[Cell], cores: int) -> dict[str, Any]:
        figures: dict[str, Any] = {
            name: _figure([getattr(cell, name) for cell in found]) for name in asdict(found[0])
        }
        shares = {
            "of_bare": ratios([cell.rate for cell in found], [one.rate for one in self.bare]),
            "of_bare_wall": ratios(
                [cell.wall_rate for cell in found], [one.wall_rate * cores for one in self.bare]
            ),
        }
        figures["rounds"] = [asdict(cell) for cell in found]
        return figures | {name: share.to_dict() if share else None for name, share in shares.items()}


@dataclass(frozen=True)
class Terms:
    """On what terms servers are measured."""

    cores: Cores
    rounds: int
    seconds: float
    logs: Path
    say: Callable[[str], None]

    @property
    def longest(self) -> int:
        """Comments kept ready for one cell."""
        return int(self.seconds * _FASTEST * max(1, len(self.cores.server)))


def needed(rounds: int, seconds: float, cores: int) -> int:
    """Comments that a measurement takes from the work set, if it is to have as many as it could get through."""
    return rounds * len(CELLS) * int(seconds * _FASTEST * cores) + _WARM


@dataclass(frozen=True)
class Beside:
    """The bare encoder and the pipeline, in processes of their own."""

    bare: Running
    pipeline: Running


def measure(servers: Sequence[Server], beside: Beside, workload: Workload, terms: Terms) -> list[Served]:
    """Round by round, server by server."""
    found = [Served(server) for server in servers]
    warm = workload.take(_WARM)
    size = min(terms.longest, workload.left // (terms.rounds * len(CELLS)))
    for number in range(terms.rounds):
        texts = {name: workload.take(size) for name in CELLS}
        for served in found:
            terms.say(f"serving, round {number + 1} of {terms.rounds}: {served.server.title}")
            if served.absent is None:
                _round(served, beside, warm, texts, terms)
    return found


def _round(
    served: Served, beside: Beside, warm: Sequence[str], texts: dict[str, list[str]], terms: Terms
) -> None:
    try:
        with running(served.server, terms.cores, terms.logs / f"{served.server.name}.log") as up:
            served.first_answer.append(up.first_answer)
            served.first_cpu.append(up.first_cpu)
            if served.server.batches:
                served.same_labels.append(
                    _same(up.labels(warm), beside.pipeline.round(warm, labels=True).labels)
                )
            _cell(up, warm, CELLS["c8"], terms)
            for name, shape in CELLS.items():
                if shape[1] == 1 or served.server.batches:
                    served.cells.setdefault(name, []).append(_cell(up, texts[name], shape, terms))
            largest, every = up.memory()
            served.largest_mb.append(largest)
            served.all_mb.append(every)
    except Absent as reason:
        served.absent = str(reason)
        return
    served.bare.append(beside.bare.round(texts["c32"][:512]))


def _cell(up: Up, texts: Sequence[str], shape: tuple[int, int], terms: Terms) -> Cell:
    connections, size = shape
    whole = range(0, len(texts) - size + 1, size)
    bodies = [up.server.body(texts[start : start + size]) for start in whole]
    plan = Plan(up.port, up.server.path, bodies, connections, terms.seconds, terms.cores.client)
    before = tree_seconds(up.process.pid)
    with Noise() as noise:
        outcome = _loaded(plan)
    cpu = tree_seconds(up.process.pid) - before
    latencies = [1_000 * seconds for seconds in outcome["latencies"]]
    return Cell(
        rate=outcome["answered"] * size / max(cpu, 0.01),
        wall_rate=outcome["answered"] * size / outcome["seconds"],
        p50=percentile(latencies, 0.5),
        p95=percentile(latencies, 0.95),
        p99=percentile(latencies, 0.99),
        n=len(latencies),
        refused=outcome["refused"],
        client_cores=outcome["cpu"] / outcome["seconds"],
        others=noise.cores,
    )


def _same(served: Sequence[list[str]], wanted: Sequence[list[str]] | None) -> float:
    pairs = list(zip(served, wanted or (), strict=True))
    return sum(one == other for one, other in pairs) / len(pairs)


def _loaded(plan: Plan) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        cwd=ROOT,
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Absent(f"the client was cut off: {done.stderr.strip().splitlines()[-1]}")
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def _figure(values: Sequence[float]) -> dict[str, Any] | None:
    spread = Spread.of(values)
    return spread.to_dict() if spread else None
