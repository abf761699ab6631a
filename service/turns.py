"""A lock whose waiters get it in the order in which they came: `with turns.take(seconds): …`.

SQLite has no queue. Who waits for its write lock looks for it now and then, and whoever has just let it go takes it
again before the others look: some threads of many wait until their patience ends.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One at a time, first come first served."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def take(self, seconds: float) -> Iterator[bool]:
        """Wait for one's turn; false where it has not come for so long, and what follows must manage without."""
        own = self._come(seconds)
        try:
            yield own
        finally:
            if own:
                self._leave()

    def _come(self, seconds: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._guard:
            if mine not in self._waiting:  # it came just now
                return True
            self._waiting.remove(mine)
            return False

    def _leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
