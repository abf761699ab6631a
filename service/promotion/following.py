"""How a running process comes to a model that was promoted: it looks, loads it beside the old one, switches.

    with Follower(engine, settings, chosen, take).running(): ...    # a thread, beside what answers
    tagger = Following(engine, settings)                            # between the batches of a job

What cannot be loaded is told to the log and tried again; the old model answers meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

import models
from service.database import AWAY
from service.promotion.choice import Choice, choice
from service.settings import Settings

EVERY_SECONDS = 1.0
RETRY_SECONDS = 30.0

log = logging.getLogger("listenwell.models")


@dataclass(frozen=True)
class Fault:
    """Why a process is not yet with the model that was promoted; the log has the details."""

    version: str | None
    code: str


class Follower:
    """See the module. `take` hears of each model that was loaded, `refused` of each that could not be, and None
    where that is no longer wanted."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        held: Choice,
        take: Callable[[Choice, models.Pipeline], None],
        refused: Callable[[Fault | None], None] = lambda fault: None,
    ) -> None:
        self.held = held
        self._engine = engine
        self._settings = settings
        self._take = take
        self._refused = refused
        self._failed: Choice | None = None
        self._looked = time.monotonic()
        self._tried = 0.0

    def look(self) -> None:
        """Ask the store, unless that was less than a second ago, and switch to what it says if that is new."""
        now = time.monotonic()
        if now - self._looked < EVERY_SECONDS:
            return
        self._looked = now
        try:
            found = choice(self._engine, self._settings)
        except AWAY:
            # Whoever needs the database says that it is away.
            return
        if found == self.held and self._failed is not None:
            # It was rolled back before it could be loaded.
            self._failed = None
            self._refused(None)
        if found != self.held and not (found == self._failed and now - self._tried < RETRY_SECONDS):
            self._switch(found)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look again and again, in a thread, while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="models", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_SECONDS):
            self.look()

    def _switch(self, found: Choice) -> None:
        try:
            pipeline = found.load(self._settings)
        # Whatever is wrong with the new model, the old one goes on answering.
        except Exception as error:
            told = error.detail if isinstance(error, models.ListenwellError) else repr(error)
            log.error("model %s cannot be loaded; %s stays: %s", found.version, self.held.name, told)
            self._failed, self._tried = found, time.monotonic()
            self._refused(Fault(found.version, getattr(error, "code", "model_unusable")))
            return
        self.held, self._failed = found, None
        self._take(found, pipeline)
        log.info("model %s is in force", pipeline.version)


class Following:
    """A `Tagger` of the model in force: each call is read by one model, the next one perhaps by a newer one."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        held = choice(engine, settings)
        self._pipeline = held.load(settings)
        self._follower = Follower(engine, settings, held, self._take)

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """See `Tagger`."""
        self._follower.look()
        return self._pipeline.analyze(comments, all_labels=all_labels)

    def _take(self, _: Choice, pipeline: models.Pipeline) -> None:
        self._pipeline = pipeline
