"""The bench's end of a contestant's process: start it, ask for a round, end it.

Every contestant has a process of its own, so that memory, threads and environments stay apart, and one thread.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).parents[2]
_LONGEST = 900.0
"""Seconds after which a contestant that does not answer is ended."""


class Absent(Exception):
    """A contestant that cannot take part, and why."""


@dataclass(frozen=True)
class Entry:
    """A contestant as it is entered: where its code is, and with what options it is made.

    `group` is "ours" or "rivals" for those that read comments, else what is measured beside them.
    """

    name: str
    title: str
    place: str
    options: dict[str, Any] = field(default_factory=dict)
    group: str = "rivals"


@dataclass(frozen=True)
class Round:
    """Work done in so many seconds. `others`: cores' worth of time taken by processes that are not ours."""

    work: float
    wall: float
    cpu: float
    peak_mb: float
    others: float = 0.0
    labels: list[list[str]] | None = None

    @property
    def rate(self) -> float:
        """Work per processor second: preemption by others hardly touches it."""
        return self.work / self.cpu

    @property
    def wall_rate(self) -> float:
        """Work per second of the clock."""
        return self.work / self.wall


class Running:
    """A contestant that is loaded and waits. Raises `Absent` if it cannot be loaded."""

    def __init__(self, entry: Entry, python: Path, log: Path) -> None:
        self.entry = entry
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [python, "-m", "tests.bench.worker", entry.place, json.dumps(entry.options)],
            cwd=ROOT,
            env=os.environ | one_thread(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        ready = self._line()
        if "absent" in ready:
            self.close()
            raise Absent(ready["absent"])

    def round(self, texts: Sequence[str], *, labels: bool = False) -> Round:
        """One round over these comments. Raises `Absent` if its process has ended."""
        try:
            _pipe(self._process.stdin).write(json.dumps({"texts": list(texts), "labels": labels}) + "\n")
            _pipe(self._process.stdin).flush()
        except BrokenPipeError as error:
            raise Absent(f"its process ended; see {self._log.name}") from error
        return Round(**self._line())

    def close(self) -> None:
        """End the process."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()
        self._log.close()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self) -> dict[str, Any]:
        timer = threading.Timer(_LONGEST, self._process.kill)
        timer.start()
        line = _pipe(self._process.stdout).readline()
        timer.cancel()
        if not line:
            raise Absent(f"its process ended; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def one_thread(threads: int = 1) -> dict[str, str]:
    """The environment in which every library that we know of uses so many threads and no network."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON")
    return {f"{name}_NUM_THREADS": str(threads) for name in names} | {
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(ROOT),
    }


def this_python() -> Path:
    """The interpreter that runs the bench."""
    return Path(sys.executable)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # both were asked for
    return stream
