"""How a challenger reads in a process that answers: after the answer, in a thread of its own, at the lowest priority.

    shadow = Shadow(engine, settings)
    with shadow.running():
        desk = Desk(engine, tagger, settings, stored=shadow.offer)

`offer` only puts a stored comment into a short queue: where that is full it is dropped and counted. What goes wrong
with the challenger is told to the log and to nobody else.
"""

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import models
from service import repository as comments
from service.analyse import comment_of
from service.clock import database_time
from service.database import AWAY, read, write
from service.jobs.aside import NICE
from service.promotion.choice import Choice
from service.records import CommentRecord
from service.review import dispute_repository
from service.settings import Settings
from service.shadow import repository
from service.shadow.repository import Challenger, ShadowReading

EVERY_SECONDS = 1.0
RETRY_SECONDS = 30.0
MOST_WAITING = 256
"""Comments that may wait in one process."""
_BATCH = 16
Offered = tuple[CommentRecord, models.Analysis]

log = logging.getLogger("listenwell.models")


class Shadow:
    """See the module. It follows the store: whoever is set to read there does so within a second or two."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._held: Challenger | None = None
        self._pipeline: models.Pipeline | None = None
        self._failed: int | None = None
        self._looked = self._tried = -RETRY_SECONDS
        self._waiting: deque[Offered] = deque()
        self._dropped = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False

    def offer(self, record: CommentRecord, analysis: models.Analysis) -> None:
        """A comment that was just stored, and what the model in force said of it. Never waits and never raises."""
        held = self._held
        if held is None or held.tenant not in (None, record.tenant) or analysis.status != "analyzed":
            return
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            self._waiting.append((record, analysis))
        self._wake.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Read, in a thread, while the block runs."""
        thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped = True
            self._wake.set()
            thread.join()

    def _run(self) -> None:
        # Elsewhere priorities are those of processes, and this one answers.
        if sys.platform == "linux":
            os.nice(NICE)
        while not self._stopped:
            try:
                self._look()
                self._read_some()
            except AWAY:
                # Whoever needs the database says that it is away.
                self._drop_all()
            # Whatever is wrong with a challenger, requests are answered.
            except Exception as error:
                log.error("the challenger failed, its comments are dropped: %s", type(error).__name__)
                self._drop_all()
            if not self._waiting:
                self._wake.wait(EVERY_SECONDS)
                self._wake.clear()

    def _look(self) -> None:
        """Come to the challenger that the store names, unless that was looked up less than a second ago."""
        now = time.monotonic()
        if now - self._looked < EVERY_SECONDS:
            return
        self._looked = now
        with read(self._engine) as conn:
            found = repository.current(conn)
        if (found and found.key) == (self._held and self._held.key):
            return
        if found is not None and found.key == self._failed and now - self._tried < RETRY_SECONDS:
            return
        self._held = self._pipeline = None
        self._drop_all()
        if found is not None:
            self._load(found)

    def _load(self, found: Challenger) -> None:
        try:
            self._pipeline = Choice(found.folder, found.version).load(self._settings)
        except Exception as error:
            told = error.detail if isinstance(error, models.ListenwellError) else repr(error)
            log.error("challenger %s cannot be loaded: %s", found.version, told)
            self._failed, self._tried = found.key, time.monotonic()
            return
        self._held, self._failed, self._dropped = found, None, 0
        log.info("challenger %s reads along", found.version)

    def _read_some(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            dropped = self._dropped
            # Dropped, until they are kept: whatever fails in between.
            self._dropped += len(batch)
        held, pipeline = self._held, self._pipeline
        if held is None or pipeline is None:
            return
        if dropped:
            # Before it reads: one that always fails would never come to it.
            self._tell_dropped(held, dropped)
        if not batch:
            return
        said = pipeline.analyze([comment_of(record) for record, _ in batch])
        with write(self._engine) as conn:
            now_reading = repository.current(conn)
            if now_reading is not None and now_reading.key == held.key:
                _keep(conn, held, batch, said)
        with self._lock:
            self._dropped -= len(batch)

    def _tell_dropped(self, held: Challenger, dropped: int) -> None:
        with write(self._engine) as conn:
            repository.count_dropped(conn, held.key, dropped)
        with self._lock:
            self._dropped -= dropped

    def _drop_all(self) -> None:
        with self._lock:
            self._dropped += len(self._waiting)
            self._waiting.clear()


def _keep(
    conn: Connection, held: Challenger, batch: Sequence[Offered], said: Sequence[models.Analysis]
) -> None:
    """Store what differs. A comment that was erased, replaced or read anew since it was offered is left out."""
    # Locked in the order in which all lock comments.
    order = sorted(range(len(batch)), key=lambda one: (batch[one][0].tenant, batch[one][0].id))
    readings = []
    for place in order:
        (record, before), after = batch[place], said[place]
        stored = comments.locked(conn, record.tenant, record.id)
        if stored is None or stored.record.digest != record.digest:
            continue
        if stored.analysis["model_version"] != before.model_version or before.model_version == held.version:
            continue
        old, new = _labels(before), _labels(after)
        one = ShadowReading(stored.key, record.tenant, before.model_version, new - old, old - new)
        readings.append(one)
        # Where people have spoken, nobody need ask them.
        if not stored.corrections:
            reasons = dict.fromkeys(one.changed, "challenger")
            now = database_time(conn)
            dispute_repository.put(conn, record.tenant, stored.key, reasons, held.version, now)
    repository.add(conn, held.key, readings)


def _labels(analysis: models.Analysis) -> frozenset[str]:
    return frozenset(one.id for one in (*analysis.issues, *analysis.strengths, *analysis.categories))
