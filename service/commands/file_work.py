"""A file's back-fill, worked on by the command itself, with the comments tagged here or on a cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import click
import sqlalchemy as sa
from rich.progress import Progress

import models
from service.cluster.work import ClusterWork
from service.commands.progress import progress
from service.commands.tally import Tally
from service.database import read
from service.files import open_source
from service.jobs import foreground
from service.jobs import repository as jobs
from service.jobs.aside import Aside
from service.jobs.batch import tag
from service.jobs.records import FILE_CHANGED, Job, LeaseLost, Options
from service.jobs.rejects import line_of, rejected
from service.jobs.run import ALONE, Lease, Run, TagBatch
from service.jobs.unchanged import Unchanged
from service.jobs.worker import new_owner
from service.settings import Settings
from service.watched import Watched

_CHUNK = 1_000
End = Literal["done", "stopped", "cancelled"]


@dataclass(frozen=True)
class FileWork:
    """A file's job, worked on here. `cluster` tags its comments, if there is one; it is the same job for both."""

    database: sa.Engine
    pipeline: models.Pipeline
    settings: Settings
    cluster: ClusterWork | None = None

    def run(self, file: str, source: str, tenant: str, options: Options, tally: Tally) -> End:
        """How it ended. The person at the keyboard may stop it, which loses no comment and halves none.

        The file lies at `file` and is known as `source`. Raises `InputError` where it cannot be read to its end;
        what came before is stored and counted.
        """
        unchanged = Unchanged(file)
        new, owner = foreground.backfill_job(file, source, tenant, options), new_owner()
        with foreground.held(self.database, new, owner, self.settings) as job:
            stopped = self._work(job, owner, file, unchanged)
        job = foreground.current(self.database, job)
        if self.cluster is not None and not job.active:
            self.cluster.close(job)
        _read(self.database, job, tally)
        if tally.rejects is not None and job.error_code != FILE_CHANGED:
            rows = rejected(self.database, job, open_source(file, options.columns))
            tally.rejects.writelines(map(line_of, rows))
        if job.state == "failed":
            tally.print_failures()
            raise models.InputError(f"{tally.line()}; {job.error_detail}", code=str(job.error_code))
        if job.state == "cancelled":
            return "cancelled"
        return "stopped" if stopped and job.state != "done" else "done"

    def _work(self, job: Job, owner: str, file: str, unchanged: Unchanged) -> bool:
        if job.position:
            click.echo(f"Going on behind row {job.position:,}, where it was stopped.", err=True)
        with progress() as bar:
            try:
                tagging = self._tagging(job, owner, file, bar)
                run = Run(
                    self.database,
                    job,
                    owner,
                    Watched(Aside(lambda: self.pipeline.analyze)),
                    self.settings,
                    on_batch=self._on_batch(job, bar),
                    check=unchanged,
                    file=file,
                    tag=tagging,
                    size=ALONE,
                )
                run.work()
            except (KeyboardInterrupt, LeaseLost):
                return True
        return False

    def _tagging(self, job: Job, owner: str, file: str, bar: Progress) -> TagBatch:
        """How batches come to their analyses."""
        if self.cluster is None:
            return tag
        task = bar.add_task("tagged on the cluster", total=None)
        source = open_source(file, job.options["columns"])
        with Lease(self.database, job.key, owner, self.settings.lease_seconds) as lease:
            return self.cluster.analysed(
                self.database,
                job,
                lease,
                source,
                lambda tagged, total: bar.update(task, completed=tagged, total=total),
            )

    def _on_batch(self, job: Job, bar: Progress) -> Callable[[int], None]:
        task = bar.add_task("comments", total=None, completed=job.position)

        def on_batch(rows: int) -> None:
            if bar.tasks[task].total is None:
                bar.update(task, total=foreground.current(self.database, job).total)
            bar.advance(task, rows)

        return on_batch


def _read(database: sa.Engine, job: Job, tally: Tally) -> None:
    """Counts and failures of all that was done of the job, also by runs before this one."""
    tally.outcomes.update({name: count for name, count in job.counts.items() if name != "failed"})
    after = -1
    while True:
        with read(database) as conn:
            failed = jobs.errors(conn, job.key, _CHUNK, after)
        if not failed:
            return
        tally.add([], [item.error() for item in failed])
        after = failed[-1].place
