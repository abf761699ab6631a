"""One worker's work on one job: from where it stands to its end, batch by batch.

    run = Run(engine, job, owner, pipeline.analyze, settings)
    state = run.work()

The database may go away in the middle: the batch waits for it. The lease may be lost, which is `LeaseLost`, and
then nothing of the batch at hand is written.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

import sqlalchemy as sa

import models
from service import database, tracing
from service.analyse import Tagger
from service.database import write
from service.files import Source, open_source
from service.jobs import leases, rejects, storage
from service.jobs import repository as jobs
from service.jobs.batch import Batch, judge, tag
from service.jobs.records import FILE_CHANGED, Job, LeaseLost, Options, State
from service.keys.limits import Quota, Standing
from service.privacy.masking import masker_of
from service.privacy.repository import forget_tombstones
from service.settings import Settings

BATCH = 16
"""Rows of a transaction. Whoever stores a comment meanwhile waits for its end, on SQLite in any case: a quarter of a
larger one's time, and the model reads sixteen at once hardly slower than sixty-four."""
ALONE = 1_024
"""Rows of a transaction of a command that has the machine to itself."""
_LONGEST_PAUSE = 3.0
# PostgreSQL ends the transaction of a worker that slept in it with an error of this kind.
AWAY: tuple[type[sa.exc.SQLAlchemyError], ...] = (*database.AWAY, sa.exc.InternalError)
"""What the drivers raise where a database is gone, busy or full, or has ended a transaction by itself."""

TagBatch = Callable[[Batch, Tagger], Batch]
"""How a batch comes to its analyses; with the tagger, unless somebody has tagged it before."""

log = logging.getLogger("listenwell.jobs")
T = TypeVar("T")


class Stopped(models.ListenwellError):
    """The worker was asked to stop while the database was away."""

    code = "stopped"


class Lease:
    """The hold on a job while the block runs, kept alive by a thread beside the work.

    The batches hold the job as well, but one of long comments, or a file of ten million empty lines, takes
    longer than a lease.
    """

    def __init__(self, engine: sa.Engine, key: int, owner: str, seconds: float) -> None:
        self.engine = engine
        self.key = key
        self.owner = owner
        self.seconds = seconds
        self.lost = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def hold(self, conn: sa.Connection) -> None:
        """Lock the job in this transaction. Raises `LeaseLost`."""
        leases.hold(conn, self.key, self.owner, self.seconds)

    def check(self) -> None:
        """Raises `LeaseLost` if the thread beside the work found it lost."""
        if self.lost.is_set():
            raise LeaseLost("the job was cancelled, or another worker has it")

    def _beat(self) -> None:
        while not self._over.wait(self.seconds / 3):
            try:
                with write(self.engine) as conn:
                    self.hold(conn)
            except LeaseLost:
                self.lost.set()
                return
            except AWAY:
                continue


class Pace:
    """Rows a second over the last minute; None before there is anything to go by."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, position: int) -> float | None:
        """Note where the work stands now."""
        now = time.monotonic()
        self._marks.append((now, position))
        while now - self._marks[0][0] > 60:
            self._marks.popleft()
        start, first = self._marks[0]
        return (position - first) / (now - start) if now - start >= 1 else None


class Run:
    """See the module. `on_batch` hears of each committed batch how many rows it had; `check` is asked before
    each one whether the file is still what it was. `file` is where a back-fill's file lies, if not where it lay
    when the job was made; `tag` may find analyses that were made before. `size` are the rows of a transaction.
    """

    def __init__(
        self,
        engine: sa.Engine,
        job: Job,
        owner: str,
        tagger: Tagger,
        settings: Settings,
        *,
        stop: threading.Event | None = None,
        on_batch: Callable[[int], None] = lambda _: None,
        check: Callable[[], models.InputError | None] = lambda: None,
        file: str | None = None,
        tag: TagBatch = tag,
        size: int = BATCH,
    ) -> None:
        self.engine = engine
        self.job = job
        self.tagger = tagger
        self.settings = settings
        self.masker = masker_of(settings)
        self.stop = stop or threading.Event()
        self.on_batch = on_batch
        self.check = check
        self.file = file
        self.tag = tag
        self.size = size
        self.lease = Lease(engine, job.key, owner, settings.lease_seconds)
        self.quota = Quota(engine, job.key_id)
        self.position = job.position
        self._pace = Pace()

    def work(self) -> State:
        """Go on until the end or until `stop`; "queued" means that it was given back. Raises `LeaseLost`."""
        with self.lease:
            try:
                source = self._source()
                self._count(source)
                rows = source.rows()
            except models.InputError as error:
                return self._end("failed", error)
            self._pace.mark(self.position)
            for batch, fault in in_batches(rows, self.position, self.size):
                if self.stop.is_set():
                    return self._give_back()
                if changed := self.check():
                    return self._end("failed", changed)
                if batch:
                    with batch_span(self.job, self.position, len(batch)):
                        standing = self._take(batch)
                    if standing:
                        return self._wait(standing)
                if fault is not None:
                    return self._end("failed", fault)
            # What was cut off at the end of a batch looks like the file's end.
            if changed := self.check():
                return self._end("failed", changed)
            return self._end("done", None)

    def _source(self) -> Source:
        job = self.job
        columns = Options(**job.options).columns
        if job.kind != "upload":
            return open_source(self.file or job.source, columns)
        path = storage.folder_of(self.settings) / job.source
        limit = self.settings.max_unpacked_bytes
        return open_source(str(path), columns, name=job.name, limit=limit, option="columns:")

    def _count(self, source: Source) -> None:
        if self.job.total is not None:
            return
        try:
            total = source.count()
        except models.InputError:
            # The rows before the fault are sound; the work itself will come to it.
            return

        def note() -> None:
            with write(self.engine) as conn:
                self.lease.hold(conn)
                leases.set_total(conn, self.job.key, total)

        patiently(note, self.stop)

    def _take(self, rows: list[object]) -> Standing | None:
        """Work on rows that follow each other; where the quota is used up before the last one, how it stands."""
        while rows:
            standing = patiently(self.quota.standing, self.stop)
            judged = self._judge(rows)
            size = judged.size if standing is None else judged.fitting(standing.remaining)
            if size == 0:
                return standing
            tagged = self.tag(judged if size == judged.size else self._judge(rows[:size]), self.tagger)
            self.lease.check()
            if patiently(partial(self._commit, tagged), self.stop):
                self.position += size
                self.on_batch(size)
                rows = rows[size:]
        return None

    def _judge(self, rows: list[object]) -> Batch:
        return patiently(lambda: judge(self.engine, self.job, rows, self.position, self.masker), self.stop)

    def _commit(self, batch: Batch) -> bool:
        """False if the quota went to somebody else meanwhile: then nothing is written."""
        after = batch.first + batch.size
        with write(self.engine) as conn:
            # First of all, so that who has lost the job waits for nothing and writes nothing.
            self.lease.hold(conn)
            # The answer to a commit can be lost where the commit was not.
            if jobs.by_key(conn, self.job.key).position == after:
                return True
            if not self.quota.take(conn, len(batch.tagged)):
                return False
            outcomes = batch.store(conn, self.job, self.settings)
            leases.advance(conn, self.job.key, after, outcomes, rate=self._pace.mark(after))
            return True

    def _wait(self, standing: Standing) -> State:
        detail = (
            f"this key's {standing.limit:,} comments a day are used up; behind row {self.position:,} it goes on "
            "by itself when the next day begins (UTC)"
        )

        def release() -> None:
            with write(self.engine) as conn:
                self.lease.hold(conn)
                leases.release(conn, self.job.key, after=standing.reset, code="rate_limited", detail=detail)

        patiently(release, self.stop)
        return "queued"

    def _give_back(self) -> State:
        def release() -> None:
            with write(self.engine) as conn:
                self.lease.hold(conn)
                leases.release(conn, self.job.key)

        patiently(release, self.stop)
        return "queued"

    def _end(self, state: State, fault: models.InputError | None) -> State:
        code, detail = (fault.code, f"after row {self.position:,}: {fault.detail}") if fault else (None, None)
        kept = self.job.kind == "upload" and code != FILE_CHANGED and self._keep_rejects()
        keep = timedelta(days=self.settings.keep_rejects_days) if kept else None

        def finish() -> None:
            with write(self.engine) as conn:
                self.lease.hold(conn)
                if state == "done":
                    leases.set_total(conn, self.job.key, self.position)
                leases.finish(conn, self.job.key, state, code=code, detail=detail, rejects=keep)
                forget_tombstones(conn)

        try:
            patiently(finish, self.stop)
        except LeaseLost:
            if kept:
                rejects.withdraw(self.engine, self.job, storage.folder_of(self.settings))
            raise
        return state

    def _keep_rejects(self) -> bool:
        """Before the job ends: whoever is killed in between leaves it to be ended again."""
        if not self.settings.keep_rejects_days:
            return False
        folder = storage.folder_of(self.settings)
        try:
            return patiently(lambda: rejects.keep(folder, self.job.id, self._rejected()), self.stop)
        except (models.InputError, OSError) as error:
            # The list of errors is kept in any case; for want of room no job is held up that is done.
            log.error("job %s: its rejected rows cannot be kept: %s", self.job.id, error)
            return False

    def _rejected(self) -> Iterator[dict[str, Any]]:
        """From the first on, each time that it is asked for."""
        rows = rejects.rejected(self.engine, self.job, self._source())
        return rows if self.masker is None else map(partial(rejects.masked, masker=self.masker), rows)


def batch_span(job: Job, first: int, size: int) -> AbstractContextManager[object]:
    """One batch of a job in a trace."""
    about: dict[str, str | int] = {
        "listenwell.job_id": job.id,
        "listenwell.first_row": first,
        "listenwell.comments": size,
    }
    return tracing.span(f"{job.kind} batch", about)


def patiently(action: Callable[[], T], stop: threading.Event) -> T:
    """Do it; where the database is away, wait and try again. Raises `Stopped` when told to stop meanwhile."""
    pause = 0.2
    while True:
        try:
            return action()
        except AWAY as error:
            log.warning("waiting for the database: %s", getattr(error, "orig", error))
            if stop.wait(pause):
                raise Stopped("asked to stop while the database was away") from error
            pause = min(2 * pause, _LONGEST_PAUSE)


def in_batches(
    rows: Iterable[object], position: int, size: int
) -> Iterator[tuple[list[object], models.InputError | None]]:
    """The rows from a position on, in batches; with the last one the fault that ended the file, if one did."""
    stream = islice(rows, position, None)
    while True:
        batch: list[object] = []
        try:
            for row in islice(stream, size):
                batch.append(row)  # one by one: what came before a fault is to stay
        except models.InputError as fault:
            yield batch, fault
            return
        if batch:
            yield batch, None
        if len(batch) < size:
            return
