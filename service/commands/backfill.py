"""`listenwell backfill`: a file of comments into the store, then the table of touchpoints.

Goes through the same desk as HTTP: one transaction a comment, nothing counted twice. Safe to stop and to run
again: what is stored already is neither tagged nor counted again.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

import models
from service.analyse import Desk
from service.commands.batches import batches
from service.commands.given import map_option, read_settings, store, tenant_option
from service.commands.table import output, print_touchpoints
from service.database import read
from service.files import STREAM, Source, open_source
from service.metrics import Rules, overview

_BATCH = 64
_LISTED = 20


class Tally:
    """What became of the rows."""

    def __init__(self, errors: IO[str] | None) -> None:
        self.outcomes = Counter({"created": 0, "replayed": 0, "replaced": 0, "failed": 0})
        self.listed: list[Mapping[str, Any]] = []
        self._errors = errors

    def add(self, outcomes: list[str], errors: list[dict[str, Any]]) -> None:
        """Count one batch; the first failures are kept to be listed, all go to the file of errors."""
        self.outcomes.update(outcomes)
        self.outcomes["failed"] += len(errors)
        self.listed += errors[: _LISTED - len(self.listed)]
        if self._errors is not None:
            self._errors.writelines(json.dumps(error) + "\n" for error in errors)

    def print(self) -> None:
        """Counts to standard output, failures to standard error."""
        click.echo(", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.items()))
        for error in self.listed:
            name = f" (id {error['id']})" if error["id"] else ""
            click.echo(f"row {error['index'] + 1:,}{name}: {error['detail']} [{error['code']}]", err=True)
        rest = self.outcomes["failed"] - len(self.listed)
        if rest:
            click.echo(f"and {rest:,} more; --errors FILE lists all", err=True)
        if any(error["code"] == "missing_field" and error["field"] == "id" for error in self.listed):
            click.echo("Rows without an id: --map id=COLUMN names one, --id-from-line makes them.", err=True)


class Rate(ProgressColumn):
    """Comments a second."""

    def render(self, task: Task) -> Text:
        """Over the last seconds."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


@click.command()
@click.argument("input", metavar="INPUT")
@map_option
@click.option("--touchpoint", metavar="NAME", help="Touchpoint of the rows that name none.")
@click.option("--engine", type=click.Choice(["local"]), default="local", help="What runs the work.")
@click.option("--id-from-line", is_flag=True, help="Give rows without an id the id FILE-ROW.")
@click.option(
    "--errors", type=click.File("w", encoding="utf-8"), help="Write all failed rows there as JSON lines."
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
    tenant: str,
) -> None:
    """Tag and store the comments of INPUT (.csv, .jsonl, .parquet, or - for JSON lines)."""
    settings = read_settings()
    source = open_source(input, columns)
    total = source.count()
    pipeline = models.load(settings.model, runtime=settings.runtime, threads=settings.threads)
    prefix = ("stdin" if input == STREAM else Path(input).stem) if id_from_line else None
    tally = Tally(errors)
    with store(settings) as database:
        desk = Desk(database, pipeline.analyze, settings)
        stopped = _fill(desk, tenant, _completed(source, touchpoint, prefix), total, tally)
        tally.print()
        rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
        with read(database) as conn:
            print_touchpoints(output(), overview(conn, tenant, rules), pipeline.taxonomy)
    if stopped:
        click.echo("Stopped. What is counted above is stored; run the same again to go on.", err=True)
        context.exit(130)
    context.exit(1 if tally.outcomes["failed"] else 0)


def _fill(desk: Desk, tenant: str, rows: Iterator[object], total: int | None, tally: Tally) -> bool:
    """Store all rows; true if the person at the keyboard stopped it, which loses no comment and halves none."""
    seen: set[str] = set()
    with _progress() as progress:
        task = progress.add_task("comments", total=total)
        try:
            for start, items in batches(rows, _BATCH):
                results = desk.record(items, tenant=tenant, seen=seen)
                moved = [error | {"index": start + error["index"]} for error in results.errors]
                tally.add([result["outcome"] for result in results.results], moved)
                progress.advance(task, len(items))
        except KeyboardInterrupt:
            return True
    return False


def _completed(source: Source, touchpoint: str | None, prefix: str | None) -> Iterator[object]:
    for number, row in enumerate(source.rows(), start=1):
        if isinstance(row, dict):
            if touchpoint is not None and row.get("touchpoint") is None:
                row["touchpoint"] = touchpoint
            if prefix is not None and row.get("id") is None:
                row["id"] = f"{prefix}-{number}"
        yield row


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
