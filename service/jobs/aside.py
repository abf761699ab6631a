"""A tagger that steps back for everybody else: `Aside`.

    tagger = Aside(lambda: models.load("default").analyze)

Nearly all of a job's time is the model's. It has a thread of its own, and that one alone is nice: what stores a
batch is not, for whoever holds a lock must not wait for those who wait for the lock.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import models
from service.analyse import Tagger

NICE = 19
"""As far back as it goes: a thread that wakes up for a live request goes first at once."""


_SESSION = Path("/proc/self/autogroup")
_SESSIONS_NICE = 10
"""Less far than the model: what stores the rows must not wait for long with the lock in its hands."""


def step_back() -> None:
    """Let this process's whole session step back, where the processor is shared out among sessions.

    That is on Linux outside of containers and services (`man 7 sched`, autogroups); elsewhere it does nothing.
    """
    with suppress(OSError):
        _SESSION.write_text(str(_SESSIONS_NICE))


class Aside:
    """A `Tagger` around one that is made in the thread, so that threads of its own step back as well.

    On Linux priorities are those of threads; elsewhere the whole process steps back.
    """

    def __init__(self, load: Callable[[], Tagger], nice: int = NICE) -> None:
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="aside", initializer=os.nice, initargs=(nice,)
        )
        self._tagger = self._thread.submit(load).result()

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """See `Tagger`."""
        return self._thread.submit(self._tagger, comments, all_labels=all_labels).result()
