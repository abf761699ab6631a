"""How busy the machine was with the work of others: measured beside every round.

with Noise() as noise:
    ...
noise.cores    # cores' worth of time that went to processes that are not ours, time stolen by the host included
"""

import time
from types import TracebackType

import psutil  # type: ignore[import-untyped]

OFTEN = 0.1
"""From so many cores on, wall times say more about the others than about us."""


class Noise:
    """Takes the processor's clock and our processes' at both ends."""

    cores = 0.0

    def __enter__(self) -> "Noise":
        self._start = (time.perf_counter(), _busy(), tree_seconds())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall, busy, ours = (
            end - start
            for end, start in zip((time.perf_counter(), _busy(), tree_seconds()), self._start, strict=True)
        )
        # The clocks tick in hundredths, so a quiet machine may come out a little under nothing.
        self.cores = max(0.0, busy - ours) / wall


def tree_seconds(pid: int | None = None) -> float:
    """Processor seconds of a process (this one, if not given) and of all that it started, also of the ended."""
    root = psutil.Process(pid)
    seconds = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _busy() -> float:
    times = psutil.cpu_times()
    # Guests' time is part of user time already.
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)
