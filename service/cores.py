"""How many processes and lanes suit this machine: one core each, for two that share a core are slower than one."""

import os
from math import ceil
from pathlib import Path

from service.settings import Settings

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux says how much of its cores a container may use: microseconds a period, or "max"."""


def cores(quota: Path = _QUOTA) -> int:
    """Cores that this process may use: those it is bound to, or fewer where its container is held to fewer."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = quota.read_text(encoding="ascii").split()
        return min(bound, max(1, ceil(int(most) / int(period))))
    # No such file, or "max".
    except (OSError, ValueError):
        return bound


def workers(settings: Settings) -> int:
    """Processes that answer."""
    return settings.workers or max(1, cores() // settings.threads)


def lanes(settings: Settings) -> int:
    """Threads of one process that run the model: all cores are used, and none twice."""
    return max(1, cores() // (workers(settings) * settings.threads))
