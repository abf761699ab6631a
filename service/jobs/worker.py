"""A worker: claims uploaded files one after the other, and clears away what is no longer kept.

    Worker(engine, settings, lambda: models.load("default").analyze, stop).run()

Any number of them may run, on any number of machines that see the database and the folder of files.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa

import models
from service.analyse import Tagger
from service.database import read, write
from service.jobs import leases, rejects, storage
from service.jobs import repository as jobs
from service.jobs.records import Job, LeaseLost
from service.jobs.run import AWAY, Run, Stopped
from service.jobs.unchanged import AsSent
from service.privacy.repository import forget_tombstones
from service.settings import Settings

_POLL = 1.0
_SWEEP = 600.0
_RETRY_AFTER = 60.0
"""Seconds before what failed for a reason of ours, such as a missing model or a full disk, is tried again."""
_IN_THE_WAY: tuple[type[Exception], ...] = (*AWAY, OSError)

log = logging.getLogger("listenwell.jobs")


def new_owner() -> str:
    """A name that no other worker has, and that tells people where to look."""
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(4)}"


class Worker:
    """See the module. The model is loaded when the first job comes, by `load`."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        load: Callable[[], Tagger],
        stop: threading.Event,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.stop = stop
        self.owner = new_owner()
        self._load = load
        self._tagger: Tagger | None = None
        self._due = float("-inf")

    def run(self) -> None:
        """Work until told to stop; a batch at hand is finished and its job given back."""
        while not self.stop.is_set():
            try:
                if not self.step():
                    self.stop.wait(_POLL)
            except AWAY as error:
                log.warning("the database cannot be reached: %s", getattr(error, "orig", error))
                self.stop.wait(_POLL)

    def step(self) -> bool:
        """Clear up where that is due, and work on one job. False if there was none."""
        self._tidy()
        job = self._claim()
        if job is None:
            return False
        self._work(job)
        return True

    def _tidy(self) -> None:
        """Every ten minutes, whatever there is to do. What stands in its way is no job's fault and ends none."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _SWEEP
        try:
            clear(self.engine, self.settings)
        except _IN_THE_WAY as error:
            self._due = time.monotonic() + _RETRY_AFTER
            log.error("what is no longer kept is not cleared away yet: %s", getattr(error, "orig", error))

    def _claim(self) -> Job | None:
        with read(self.engine) as conn:
            if not leases.waiting(conn, "upload"):
                return None
        # The model first, which takes seconds: no lease runs out meanwhile, and who is killed has not tried the job.
        with suppress(models.ListenwellError):
            # Why it cannot be loaded is told with the job that wants it.
            self._ready()
        with write(self.engine) as conn:
            key = leases.claim(conn, "upload", self.owner, self.settings.lease_seconds)
            return None if key is None else jobs.by_key(conn, key)

    def _work(self, job: Job) -> None:
        log.info("job %s: from row %d", job.id, job.position)
        try:
            check = self._between(job)
            run = Run(self.engine, job, self.owner, self._ready(), self.settings, stop=self.stop, check=check)
            state = run.work()
        except (LeaseLost, Stopped) as error:
            log.info("job %s: %s", job.id, error.detail)
            return
        except models.ListenwellError as error:
            # A missing model, a full disk: nobody's file is at fault, and somebody may mend it.
            log.error("job %s: %s [%s]", job.id, error.detail, error.code)
            self._set_back(job, error.code)
            return
        except AWAY:
            raise
        except Exception:
            # A fault of ours: it costs this job a try, and the other jobs nothing.
            log.exception("job %s: internal error", job.id)
            self._set_back(job, "internal_error")
            return
        log.info("job %s: %s at row %d", job.id, state, run.position)
        if state != "queued":
            storage.remove(storage.folder_of(self.settings), job.source)

    def _between(self, job: Job) -> Callable[[], models.InputError | None]:
        """What is asked before each batch, when no transaction is open: a job may take longer than ten minutes."""
        sent = AsSent(storage.folder_of(self.settings) / job.source, job)

        def check() -> models.InputError | None:
            self._tidy()
            return sent()

        return check

    def _ready(self) -> Tagger:
        if self._tagger is None:
            self._tagger = self._load()
        return self._tagger

    def _set_back(self, job: Job, code: str) -> None:
        # The log has the details: they may name folders of this machine.
        detail = "the worker could not go on for a reason of its own; it is tried again"
        with write(self.engine) as conn:
            try:
                leases.hold(conn, job.key, self.owner, self.settings.lease_seconds)
            except LeaseLost:
                return
            leases.release(conn, job.key, after=_RETRY_AFTER, code=code, detail=detail, failed=True)


def clear(engine: sa.Engine, settings: Settings) -> None:
    """Remove ended jobs whose time is over, and files that no job needs."""
    with read(engine) as conn:
        expired = jobs.expired(conn, settings.keep_jobs_days)
    for key in expired:
        remove(engine, key)
    folder = storage.folder_of(settings)
    with write(engine) as conn:
        for id in jobs.end_rejects(conn):
            storage.rejects_of(folder, id).unlink(missing_ok=True)
        forget_tombstones(conn)
    with read(engine) as conn:
        rejecting = jobs.rejecting(conn)
        needed = jobs.active_sources(conn) | {storage.rejects_of(folder, job.id).name for job in rejecting}
    storage.sweep(folder, needed)
    for job in rejecting:
        try:
            rejects.purge(engine, job, folder)
        except OSError as error:
            # Until then they are left out when they are fetched.
            log.error("job %s: erased rows are still among its rejects: %s", job.id, error)


def remove(engine: sa.Engine, key: int) -> None:
    """Remove an ended job with its items, in transactions that nobody waits long for."""
    gone = False
    while not gone:
        with write(engine) as conn:
            gone = jobs.delete(conn, key)
