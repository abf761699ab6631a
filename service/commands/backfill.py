"""`listenwell backfill`: a file of comments into the store, then the table of touchpoints.

A file goes through the engine of jobs, worked on here: after Ctrl-C or a kill the same command goes on behind
the last whole batch. A stream has no place to go on at, and goes through the desk. What is stored already is
neither tagged nor counted again.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click
import sqlalchemy as sa

import models
from service import tracing
from service.analyse import Desk
from service.commands.batches import batches
from service.commands.given import map_option, read_settings, store, tenant_option
from service.commands.progress import progress
from service.commands.table import output, print_touchpoints
from service.database import read
from service.files import STREAM, open_source, split_format
from service.jobs import foreground
from service.jobs import repository as jobs
from service.jobs.aside import Aside
from service.jobs.records import FILE_CHANGED, Job, LeaseLost, Options
from service.jobs.rejects import line_of, rejected, shaped
from service.jobs.run import BATCH, Run
from service.jobs.unchanged import Unchanged
from service.jobs.worker import new_owner
from service.metrics import Rules, overview
from service.settings import Settings
from service.watched import Watched

_LISTED = 20
_CHUNK = 1_000


class Tally:
    """What became of the rows."""

    def __init__(self, errors: IO[str] | None, rejects: IO[bytes] | None) -> None:
        self.outcomes = Counter({"created": 0, "replayed": 0, "replaced": 0, "failed": 0})
        self.listed: list[Mapping[str, Any]] = []
        self._errors = errors
        self.rejects = rejects

    def add(self, outcomes: list[str], errors: list[dict[str, Any]]) -> None:
        """Count one batch; the first failures are kept to be listed, all go to the file of errors."""
        self.outcomes.update(outcomes)
        self.outcomes["failed"] += len(errors)
        self.listed += errors[: _LISTED - len(self.listed)]
        if self._errors is not None:
            self._errors.writelines(json.dumps(error) + "\n" for error in errors)

    def line(self) -> str:
        """All counts in a line."""
        return ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.items())

    def print(self) -> None:
        """Counts to standard output, failures to standard error."""
        click.echo(self.line())
        for error in self.listed:
            name = f" (id {error['id']})" if error["id"] else ""
            click.echo(f"row {error['index'] + 1:,}{name}: {error['detail']} [{error['code']}]", err=True)
        rest = self.outcomes["failed"] - len(self.listed)
        if rest:
            click.echo(f"and {rest:,} more; --errors FILE lists all", err=True)
        if any(error["code"] == "missing_field" and error["field"] == "id" for error in self.listed):
            click.echo("Rows without an id: --map id=COLUMN names one, --id-from-line makes them.", err=True)


@click.command()
@click.argument("input", metavar="INPUT")
@map_option
@click.option("--touchpoint", metavar="NAME", help="Touchpoint of the rows that name none.")
@click.option("--engine", type=click.Choice(["local"]), default="local", help="What runs the work.")
@click.option("--id-from-line", is_flag=True, help="Give rows without an id the id FILE-ROW.")
@click.option(
    "--errors", type=click.File("w", encoding="utf-8"), help="Write all failed rows there as JSON lines."
)
@click.option(
    "--rejects",
    type=click.File("wb"),
    help="Write all failed rows themselves there, to be corrected and sent again.",
)
@tenant_option
@click.pass_context
def backfill(
    context: click.Context,
    input: str,
    columns: dict[str, str],
    touchpoint: str | None,
    engine: str,
    id_from_line: bool,
    errors: IO[str] | None,
    rejects: IO[bytes] | None,
    tenant: str,
) -> None:
    """Tag and store the comments of INPUT (.csv, .jsonl, .parquet, also .gz and .zst; or - for JSON lines)."""
    settings = read_settings()
    open_source(input, columns)
    options = Options(columns=columns, touchpoint=touchpoint, ids=_stem(input) if id_from_line else None)
    pipeline = models.load(settings.model, runtime=settings.runtime, threads=settings.threads)
    tally = Tally(errors, rejects)
    with tracing.on(), store(settings) as database:
        if input == STREAM:
            stopped = _stream(Desk(database, Watched(pipeline.analyze), settings), options, tenant, tally)
        else:
            work = FileWork(database, pipeline, settings)
            stopped = work.run(input, tenant, options, tally)
        tally.print()
        rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
        with read(database) as conn:
            print_touchpoints(output(), overview(conn, tenant, rules), pipeline.taxonomy)
    if stopped:
        click.echo("Stopped. What is counted above is stored; run the same again to go on.", err=True)
        context.exit(130)
    context.exit(1 if tally.outcomes["failed"] else 0)


@dataclass(frozen=True)
class FileWork:
    """A file's job, worked on here."""

    database: sa.Engine
    pipeline: models.Pipeline
    settings: Settings

    def run(self, input: str, tenant: str, options: Options, tally: Tally) -> bool:
        """True if the person at the keyboard stopped it, which loses no comment and halves none.

        Raises `InputError` where the file cannot be read to its end; what came before is stored and counted.
        """
        unchanged = Unchanged(input)
        new, owner = foreground.backfill_job(input, tenant, options), new_owner()
        with foreground.held(self.database, new, owner, self.settings) as job:
            stopped = self._work(job, owner, unchanged)
        job = foreground.current(self.database, job)
        _read(self.database, job, tally)
        if tally.rejects is not None and job.error_code != FILE_CHANGED:
            rows = rejected(self.database, job, open_source(input, options.columns))
            tally.rejects.writelines(map(line_of, rows))
        if job.state == "failed":
            raise models.InputError(f"{tally.line()}; {job.error_detail}", code=str(job.error_code))
        return stopped and job.state != "done"

    def _work(self, job: Job, owner: str, unchanged: Unchanged) -> bool:
        if job.position:
            click.echo(f"Going on behind row {job.position:,}, where it was stopped.", err=True)
        with progress() as bar:
            task = bar.add_task("comments", total=None, completed=job.position)

            def on_batch(rows: int) -> None:
                if bar.tasks[0].total is None:
                    bar.update(task, total=foreground.current(self.database, job).total)
                bar.advance(task, rows)

            tagger = Watched(Aside(lambda: self.pipeline.analyze))
            run = Run(self.database, job, owner, tagger, self.settings, on_batch=on_batch, check=unchanged)
            try:
                run.work()
            except (KeyboardInterrupt, LeaseLost):
                return True
        return False


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


def _stream(desk: Desk, options: Options, tenant: str, tally: Tally) -> bool:
    seen: set[str] = set()
    rows = _completed(options)
    with progress() as bar:
        task = bar.add_task("comments", total=None)
        try:
            for start, items in batches(rows, BATCH):
                results = desk.record(items, tenant=tenant, seen=seen)
                moved = [error | {"index": start + error["index"]} for error in results.errors]
                if tally.rejects is not None:
                    failed = (shaped(items[error["index"] - start], error) for error in moved)
                    tally.rejects.writelines(map(line_of, failed))
                tally.add([result["outcome"] for result in results.results], moved)
                bar.advance(task, len(items))
        except KeyboardInterrupt:
            return True
    return False


def _completed(options: Options) -> Iterator[object]:
    rows = open_source(STREAM, options.columns).rows()
    return (options.complete(row, number) for number, row in enumerate(rows, start=1))


def _stem(input: str) -> str:
    """The file's name without its endings."""
    if input == STREAM:
        return "stdin"
    name = Path(input).name
    return Path(name.removesuffix(split_format(name)[1])).stem
