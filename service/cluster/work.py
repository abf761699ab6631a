"""A back-fill's way over a cluster, from the file to what its job takes in the place of tagging.

work = ClusterWork(Order("ray://head:10001", workers=8, parts="s3://bucket/parts"), settings, "lw-…")
tag = work.analysed(database, job, lease, source, told)     # the long part; may be killed and done again
Run(…, tag=tag).work()
work.close(job)
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from service.cluster import scoring
from service.cluster.analysed import Analysed
from service.cluster.analyst import ModelName
from service.cluster.cutting import cut, rows_of_a_part
from service.cluster.parts import Parts, Plan
from service.database import read
from service.files import Source
from service.jobs import repository as jobs
from service.jobs.records import Job
from service.jobs.run import Lease, TagBatch
from service.jobs.storage import folder_of
from service.privacy.masking import masker_of
from service.remote import Folder
from service.settings import Settings


@dataclass(frozen=True)
class Order:
    """What the person asks for: which cluster, how many workers, and where parts are kept, if they say so."""

    address: str = scoring.LOCAL
    workers: int | None = None
    parts: str | None = None


@dataclass(frozen=True)
class ClusterWork:
    """See the module. `version` is that of the model in force."""

    order: Order
    settings: Settings
    version: str

    def analysed(
        self,
        engine: sa.Engine,
        job: Job,
        lease: Lease,
        source: Source,
        told: Callable[[int, int], None],
    ) -> TagBatch:
        """Tag the job's comments on the cluster, but for those of parts that are done.

        `told` hears how many comments are tagged, and of how many. Raises `InputError`, `MissingExtraError`, and
        `LeaseLost` when the job is cancelled meanwhile.
        """
        self._sweep(engine)
        parts = self._parts(job)
        plan = parts.plan()
        if plan is None or set(plan.parts) - parts.done():
            with scoring.cluster(self.order.address, self.order.workers) as workers:
                rows, masker = rows_of_a_part(source, workers), masker_of(self.settings)
                plan = plan or cut(engine, job, source, parts, rows, lease, masker)
                self._score(parts, plan, workers, lease, told)
        return Analysed(parts, plan).tag

    def close(self, job: Job) -> None:
        """Once the job has ended: parts go, but for analyses in a place that the person named."""
        parts = self._parts(job)
        if self.order.parts is None:
            parts.clear()
        else:
            parts.leave_analyses()

    def _folder(self) -> Folder:
        return Folder.at(self.order.parts or str(folder_of(self.settings) / "parts"))

    def _parts(self, job: Job) -> Parts:
        return Parts(self._folder().under(f"{job.id}-{self.version}"))

    def _sweep(self, engine: sa.Engine) -> None:
        """Remove what a kill left behind of jobs that have ended since: it holds what customers wrote."""
        if self.order.parts is not None:
            return  # that place is somebody's own
        with read(engine) as conn:
            needed = jobs.active_ids(conn)
        for name in self._folder().names():
            if name.partition("-")[0] not in needed:
                self._folder().under(name).remove()

    def _score(
        self, parts: Parts, plan: Plan, workers: int, lease: Lease, told: Callable[[int, int], None]
    ) -> None:
        waiting = sorted(set(plan.parts) - parts.done())
        if not waiting:
            return
        # How many comments a part has is known once it is opened; before, it is as many as on the average.
        tagged = plan.comments * (len(plan.parts) - len(waiting)) // len(plan.parts)
        told(tagged, plan.comments)
        model = ModelName.of(self.settings, self.version)
        for done in scoring.score(parts, waiting, model, workers):
            lease.check()
            tagged += done.comments
            told(min(tagged, plan.comments), plan.comments)
