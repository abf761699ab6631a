"""A server with workers beside it: starts them, starts a worker again that died, stops them together.

The models of the workers step back for the server (`service/jobs/aside.py`), so that live traffic goes first.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from service.jobs.aside import NICE
from service.parent import end_with_parent

_LOOK = 0.2
_LONG_LIFE = 60.0
_LONGEST_PAUSE = 30.0
_LAST_BATCH = 30.0
"""Seconds that a worker has for the batch at hand; nothing is lost if it is killed then."""


def supervise(server: Sequence[str], workers: int, environment: Mapping[str, str]) -> int:
    """Run the server until it ends or a signal says so; the answer is its exit status."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, asked)
    # In groups of their own: Ctrl-C is for this process, which tells them in turn.
    process = subprocess.Popen(server, env=environment, process_group=0, preexec_fn=end_with_parent)
    beside = [Beside(environment) for _ in range(workers)]
    while process.poll() is None and not stop.wait(_LOOK):
        for one in beside:
            one.look()
    for one in beside:
        one.tell()
    if process.poll() is None:
        process.terminate()
    status = process.wait()
    deadline = time.monotonic() + _LAST_BATCH
    for one in beside:
        one.end(deadline)
    return status


class Beside:
    """One worker process, started again when it dies; the sooner it dies, the later."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._pause = 1.0
        self._due = 0.0
        self._start()

    def look(self) -> None:
        """Start it again if it is due."""
        if self._process.poll() is None:
            return
        if not self._due:
            lived = time.monotonic() - self._started
            self._pause = 1.0 if lived > _LONG_LIFE else min(2 * self._pause, _LONGEST_PAUSE)
            self._due = time.monotonic() + self._pause
        elif time.monotonic() > self._due:
            self._start()

    def tell(self) -> None:
        """Ask it to stop behind the batch at hand."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for it, but not longer than until then."""
        try:
            self._process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "models.command", "worker", "--nice", str(NICE), "--with-parent"]
        # A session of its own: Linux shares the processor out among sessions before it looks at priorities.
        self._process = subprocess.Popen(command, env=self._environment, start_new_session=True)
        self._started, self._due = time.monotonic(), 0.0
