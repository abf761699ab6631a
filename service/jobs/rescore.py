"""History to the model in force: each comment whose analysis is of another model is tagged again.

What is left to do is asked of the store, so it may be stopped and run again, also twice at once. A comment that
changed while it was tagged is left alone: whoever changed it had it tagged.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import sqlalchemy as sa

import models
from service import repository
from service.analyse import Tagger, comment_of
from service.database import read, write
from service.events import outbox
from service.jobs import leases
from service.jobs import repository as jobs
from service.jobs.records import Job
from service.jobs.run import BATCH, Lease, Pace, batch_span, patiently
from service.records import Outdated
from service.settings import Settings


class Rescore:
    """One run over a tenant's comments.

    `on_batch` hears how many comments each batch had; `in_force` is asked before each one whether the model still is.
    """

    def __init__(
        self,
        engine: sa.Engine,
        job: Job,
        owner: str,
        tagger: Tagger,
        version: str,
        settings: Settings,
        *,
        on_batch: Callable[[int], None] = lambda _: None,
        in_force: Callable[[], bool] = lambda: True,
    ) -> None:
        self.engine = engine
        self.job = job
        self.tagger = tagger
        self.version = version
        self.on_batch = on_batch
        self.in_force = in_force
        self.stop = threading.Event()
        self.lease = Lease(engine, job.key, owner, settings.lease_seconds)
        self.position = job.position
        self._pace = Pace()
        self._last = 0

    def work(self) -> None:
        """To the end. Raises `LeaseLost` where the job was cancelled.

        Raises `InputError` "model_changed", with the job ended, where another model was put in force meanwhile: it
        has read what came since.
        """
        with self.lease:
            self._pace.mark(self.position)
            while batch := patiently(self._next, self.stop):
                if not patiently(self.in_force, self.stop):
                    raise patiently(self._outlived, self.stop)
                with batch_span(self.job, self.position, len(batch)):
                    self._take(batch)
                self._last = batch[-1].key
                self.on_batch(len(batch))
            patiently(self._finish, self.stop)

    def _next(self) -> list[Outdated]:
        with read(self.engine) as conn:
            return repository.outdated(conn, self.job.tenant, self.version, BATCH, self._last)

    def _take(self, batch: Sequence[Outdated]) -> None:
        analyses = self.tagger([comment_of(one.record) for one in batch])
        patiently(lambda: self._commit(batch, analyses), self.stop)
        self.position += len(batch)

    def _commit(self, batch: Sequence[Outdated], analyses: Sequence[models.Analysis]) -> None:
        with write(self.engine) as conn:
            self.lease.hold(conn)
            position = self.position + len(batch)
            # The answer to a commit can be lost where the commit was not.
            if jobs.by_key(conn, self.job.key).position == position:
                return
            done = repository.reanalyze(conn, list(zip(batch, analyses, strict=True)))
            outbox.analyzed_all(conn, self.job.tenant, done, ["replaced"] * len(done))
            outcomes = Counter({"replaced": len(done), "replayed": len(batch) - len(done)})
            leases.advance(conn, self.job.key, position, outcomes, rate=self._pace.mark(position))

    def _outlived(self) -> models.InputError:
        """End the job; the error that says so."""
        detail = f"{self.version} is not in force any more; run listenwell rescore again"
        with write(self.engine) as conn:
            self.lease.hold(conn)
            leases.finish(conn, self.job.key, "failed", code="model_changed", detail=detail)
        return models.InputError(detail, code="model_changed")

    def _finish(self) -> None:
        with write(self.engine) as conn:
            self.lease.hold(conn)
            leases.finish(conn, self.job.key, "done")
