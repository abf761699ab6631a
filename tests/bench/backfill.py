"""Back-fill beside the bare pipeline: a Parquet file through `listenwell backfill` to store and metrics.

The command as a process, on a new SQLite database each round. It runs on a small file too, and what that takes (the
start, the tables, the printed touchpoints) is taken off: what is left is what the further comments cost.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.figures import Spread, ratios
from tests.bench.noise import Noise
from tests.bench.process import ROOT, Absent, Running, one_thread
from tests.bench.workload import Workload

_FEW = 64
_FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass
class Backfill:
    """Rates in comments a processor second, round by round. `fixed`: seconds that a small file takes.

    `wall_rates`: comments a second of the clock, the start included.
    """

    rates: list[float] = field(default_factory=list)
    wall_rates: list[float] = field(default_factory=list)
    pipeline: list[float] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    absent: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As results.json has it."""
        share = ratios(self.rates, self.pipeline)
        named = {
            name: Spread.of(getattr(self, name))
            for name in ("rates", "wall_rates", "pipeline", "fixed", "others")
        }
        return {"absent": self.absent, "of_pipeline": share.to_dict() if share else None} | {
            name: spread.to_dict() if spread else None for name, spread in named.items()
        }


def measure(
    pipeline: Running, workload: Workload, rounds: int, number: int, folder: Path, say: Callable[[str], None]
) -> Backfill:
    """`number` comments a round, the same ones through the bare pipeline."""
    found = Backfill()
    for count in range(rounds):
        say(f"back-fill, round {count + 1} of {rounds}: {number:,} comments")
        few, many = workload.take(_FEW), workload.take(number)
        try:
            with Noise() as noise:
                little, large = (run(texts, folder, f"{count}-{len(texts)}") for texts in (few, many))
            found.pipeline.append(pipeline.round(many).rate)
        except Absent as reason:
            found.absent = str(reason)
            return found
        found.fixed.append(little[0])
        found.rates.append((number - _FEW) / max(large[0] - little[0], 0.01))
        found.wall_rates.append(number / large[1])
        found.others.append(noise.cores)
    return found


def run(
    texts: Sequence[str],
    folder: Path,
    name: str,
    beside: Callable[["subprocess.Popen[bytes]"], None] = lambda process: None,
) -> tuple[float, float]:
    """Processor seconds and seconds of the clock of the whole command. Raises `Absent` if it fails.

    `beside` is called while it runs.
    """
    file = folder / f"{name}.parquet"
    _write(texts, file)
    environment = os.environ | one_thread() | {"LISTENWELL_DATABASE_URL": f"sqlite:///{folder / name}.db"}
    with (folder / "backfill.log").open("ab") as log:
        start = time.perf_counter()
        command = [sys.executable, "-m", "models.command", "backfill", str(file)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        beside(process)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Absent(f"listenwell backfill ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, wall


def _write(texts: Sequence[str], file: Path) -> None:
    """Comments of a month at ten touchpoints, each with an NPS answer."""
    places = range(len(texts))
    columns = {
        "id": [f"b-{place}" for place in places],
        "text": list(texts),
        "touchpoint": [f"place-{place % 10}" for place in places],
        "occurred_at": [(_FIRST_DAY + timedelta(minutes=place % 40_000)).isoformat() for place in places],
        "nps": [place % 11 for place in places],
    }
    pq.write_table(pa.table(columns), file)
