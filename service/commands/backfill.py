"""`listenwell backfill`: a file of comments into the store, then the table of touchpoints.

A file goes through the engine of jobs, worked on here: after Ctrl-C or a kill the same command goes on behind
the last whole batch. A stream has no place to go on at, and goes through the desk. What is stored already is
neither tagged nor counted again. With `--engine ray` a cluster tags the comments, and all else is the same.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from service import tracing
from service.analyse import Desk
from service.cluster.scoring import LOCAL
from service.cluster.work import ClusterWork, Order
from service.commands.batches import batches
from service.commands.file_work import End, FileWork
from service.commands.given import keep_apart, map_option, read_settings, store, tenant_option, written
from service.commands.progress import progress
from service.commands.table import output, print_touchpoints
from service.commands.tally import Tally
from service.database import read
from service.files import STREAM, open_source, printable, split_format
from service.jobs.records import Options
from service.jobs.rejects import line_of, shaped
from service.jobs.run import ALONE
from service.metrics import Rules, overview
from service.promotion.choice import pinned
from service.remote import fetched, file_name, is_url, shown
from service.watched import Watched

_TOLD: dict[End, str] = {
    "stopped": "Stopped. What is counted above is stored; run the same again to go on.",
    "cancelled": "The job was cancelled. What is counted above is stored and stays.",
}


@click.command()
@click.argument("input", metavar="INPUT")
@map_option
@click.option("--touchpoint", metavar="NAME", help="Touchpoint of the rows that name none.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What tags the comments: this process, or the workers of a Ray cluster.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Ray: the cluster, as ray.init takes it; without one it starts workers on this machine.",
)
@click.option(
    "--parallelism",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ray: workers, each of one thread; one for each CPU of the cluster if not given.",
)
@click.option(
    "--parts",
    metavar="URL",
    help="Ray: a folder or URL that all machines reach, for the work in hand; the analyses stay there as Parquet.",
)
@click.option("--id-from-line", is_flag=True, help="Give rows without an id the id FILE-ROW.")
@click.option("--errors", metavar="FILE", help="Write all failed rows there as JSON lines.")
@click.option(
    "--rejects",
    metavar="FILE",
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
    address: str | None,
    parallelism: int | None,
    parts: str | None,
    id_from_line: bool,
    errors: str | None,
    rejects: str | None,
    tenant: str,
) -> None:
    """Tag and store the comments of INPUT.

    INPUT is a path or URL (s3://, gs://, abfs://, https://) that ends in .csv, .jsonl or .parquet, also with .gz
    or .zst; or - for JSON lines.
    """
    order = _order(engine, input, address, parallelism, parts)
    settings = read_settings()
    keep_apart(input, {"--errors": errors, "--rejects": rejects})
    options = Options(columns=columns, touchpoint=touchpoint, ids=_stem(input) if id_from_line else None)
    with fetched(input) as file:
        open_source(file, columns)
        with (
            written("--errors", errors) if errors else nullcontext() as to_errors,
            written("--rejects", rejects) if rejects else nullcontext() as to_rejects,
            tracing.on(),
            store(settings) as database,
        ):
            tally = Tally(to_errors, to_rejects)
            settings, pipeline = pinned(database, settings)
            if input == STREAM:
                desk = Desk(database, Watched(pipeline.analyze), settings)
                end = _stream(desk, options, tenant, tally)
            else:
                cluster = ClusterWork(order, settings, pipeline.version) if order else None
                work = FileWork(database, pipeline, settings, cluster)
                end = work.run(file, _source(input), tenant, options, tally)
            tally.print()
            rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
            with read(database) as conn:
                print_touchpoints(output(), overview(conn, tenant, rules), pipeline.taxonomy)
    if end in _TOLD:
        click.echo(_TOLD[end], err=True)
    context.exit(130 if end == "stopped" else 1 if tally.outcomes["failed"] or end == "cancelled" else 0)


def _order(
    engine: str, input: str, address: str | None, parallelism: int | None, parts: str | None
) -> Order | None:
    """What is asked of a cluster; None where the comments are tagged here."""
    given = {"--address": address, "--parallelism": parallelism, "--parts": parts}
    if engine == "local":
        if typed := [name for name, value in given.items() if value is not None]:
            raise click.UsageError(f"{typed[0]} goes with --engine ray")
        return None
    if input == STREAM:
        raise click.UsageError("--engine ray needs a file: a stream cannot be read twice")
    if parts is not None and parts.lower().startswith("memory:"):
        raise click.UsageError("--parts memory:// is seen by no other process")
    return Order(address or LOCAL, parallelism, parts)


def _stream(desk: Desk, options: Options, tenant: str, tally: Tally) -> End:
    seen: set[str] = set()
    rows = _completed(options)
    with progress() as bar:
        task = bar.add_task("comments", total=None)
        try:
            for start, items in batches(rows, ALONE):
                results = desk.record(items, tenant=tenant, seen=seen)
                moved = [error | {"index": start + error["index"]} for error in results.errors]
                if tally.rejects is not None:
                    failed = (shaped(items[error["index"] - start], error) for error in moved)
                    tally.rejects.writelines(map(line_of, failed))
                tally.add([result["outcome"] for result in results.results], moved)
                bar.advance(task, len(items))
        except KeyboardInterrupt:
            return "stopped"
    return "done"


def _completed(options: Options) -> Iterator[object]:
    rows = open_source(STREAM, options.columns).rows()
    return (options.complete(row, number) for number, row in enumerate(rows, start=1))


def _source(input: str) -> str:
    """The file as it is known with the job: without what is secret in a URL."""
    return shown(input) if is_url(input) else str(Path(input).absolute())


def _stem(input: str) -> str:
    """The file's name without its endings."""
    if input == STREAM:
        return "stdin"
    name = file_name(input)
    return printable(Path(name.removesuffix(split_format(name)[1])).stem)
