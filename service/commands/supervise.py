"""Processes that answer and workers beside them: starts them, starts again what died, stops them together.

    supervise(settings, "127.0.0.1", 3000, answering=2, environment={…})

Those that answer are forked where the system can do that, from a process that has imported the application once: they
are ready sooner, and share the memory of it. The models of the workers step back for them (`service/jobs/aside.py`).
"""

import gc
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from types import FrameType
from typing import Protocol

from service.jobs.aside import NICE
from service.parent import end_with_parent
from service.settings import Settings

_LOOK = 0.2
_FIRST_WORKER = 2.0
"""Seconds after which the workers start: until then the processor is for those that answer."""
_LONG_LIFE = 60.0
_LONGEST_PAUSE = 30.0
_LAST_BATCH = 30.0
"""Seconds that a process has for what is at hand; nothing is lost if it is killed then."""
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def supervise(
    settings: Settings, address: str, port: int, answering: int, environment: Mapping[str, str]
) -> None:
    """Serve until a signal says so; then ask all to stop, and wait for them."""
    # A plain flag: an event has a lock, which this thread may be holding where a signal interrupts it.
    stopped = False

    def asked(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    for number in _SIGNALS:
        signal.signal(number, asked)
    metrics = _one_set_of_metrics()
    # Once, for all that are forked, whose look for cycles need never go through it.
    import_module("service.app")
    gc.freeze()
    kept = [Kept(Answering(settings, address, port)) for _ in range(answering)]
    kept += [Kept(Working(environment), first=_FIRST_WORKER) for _ in range(settings.job_workers)]
    try:
        while not stopped:
            for one in kept:
                one.look()
            time.sleep(_LOOK)
    finally:
        _end([one.child for one in kept])
        if metrics is not None:
            shutil.rmtree(metrics, ignore_errors=True)


def _one_set_of_metrics() -> str | None:
    """Have the processes count in files that each can read; it must be known before anything is counted.

    The folder, if it is one of ours: what an operator names stays theirs.
    """
    if os.environ.get(_METRICS):
        return None
    os.environ[_METRICS] = tempfile.mkdtemp(prefix="listenwell-metrics-")
    return os.environ[_METRICS]


def _end(children: "list[Child]") -> None:
    for one in children:
        if one.alive():
            one.tell()
    deadline = time.monotonic() + _LAST_BATCH
    for one in children:
        one.end(deadline)


class Child(Protocol):
    """A process that can be started more than once."""

    def start(self) -> None:
        """Start it."""

    def alive(self) -> bool:
        """Whether it runs. False before the first start."""

    def tell(self) -> None:
        """Ask it to stop behind what is at hand."""

    def end(self, deadline: float) -> None:
        """Wait for it, but not longer than until then, by `time.monotonic`."""


class Kept:
    """A child that is started again when it dies; the sooner it died, the later."""

    def __init__(self, child: Child, first: float = 0.0) -> None:
        self.child = child
        self._pause = 1.0
        self._started = 0.0
        self._due = time.monotonic() + first
        self.look()

    def look(self) -> None:
        """Start it if it is due."""
        now = time.monotonic()
        if self.child.alive():
            return
        if not self._due:
            self._pause = 1.0 if now - self._started > _LONG_LIFE else min(2 * self._pause, _LONGEST_PAUSE)
            self._due = now + self._pause
        elif now >= self._due:
            self.child.start()
            self._started, self._due = now, 0.0


class Answering:
    """A process that answers requests."""

    def __init__(self, settings: Settings, address: str, port: int) -> None:
        forks = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
        self._context = multiprocessing.get_context("fork" if forks else "spawn")
        self._given = settings, address, port, os.getpid()
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """See `Child`."""
        self._process = self._context.Process(target=_answer, args=self._given)  # type: ignore[attr-defined]
        # A signal must not find the new process while it still has our answer to it: it would never stop.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def alive(self) -> bool:
        """See `Child`."""
        return self._process is not None and self._process.is_alive()

    def tell(self) -> None:
        """See `Child`."""
        if self._process is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """See `Child`."""
        if self._process is None:
            return
        self._process.join(max(deadline - time.monotonic(), 0))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _answer(settings: Settings, address: str, port: int, parent: int) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    from service.answering import answer

    # A group of its own: Ctrl-C is for the first process, which tells this one in turn.
    os.setpgid(0, 0)
    end_with_parent(parent)
    answer(settings, address, port)


class Working:
    """A worker process for jobs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """See `Child`."""
        # -P: a folder named "models" where the command was typed is not ours.
        command = [
            sys.executable,
            "-P",
            "-m",
            "models.command",
            "worker",
            "--nice",
            str(NICE),
            "--with-parent",
            str(os.getpid()),
        ]
        # A session of its own: Linux shares the processor out among sessions before it looks at priorities.
        self._process = subprocess.Popen(command, env=self._environment, start_new_session=True)

    def alive(self) -> bool:
        """See `Child`."""
        return self._process is not None and self._process.poll() is None

    def tell(self) -> None:
        """See `Child`."""
        if self._process is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """See `Child`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
