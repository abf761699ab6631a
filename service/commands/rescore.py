"""`listenwell rescore`: the comments that another model analysed, analysed by the one in force."""

import click

from service import repository, tracing
from service.commands.given import read_settings, store, tenant_option
from service.commands.progress import progress
from service.database import read
from service.jobs import foreground
from service.jobs.aside import Aside
from service.jobs.records import LeaseLost
from service.jobs.rescore import Rescore
from service.jobs.worker import new_owner
from service.promotion.choice import choice, pinned
from service.watched import Watched


@click.command()
@tenant_option
@click.pass_context
def rescore(context: click.Context, tenant: str) -> None:
    """Analyse again, with the model in force, what another model analysed; the metrics follow.

    Runs at low priority. May be stopped, and run again: it goes on with what is left.
    """
    given = read_settings()
    stopped, owner = False, new_owner()
    with tracing.on(), store(given) as database:
        begun_with = choice(database, given)
        settings, pipeline = pinned(database, given)
        with read(database) as conn:
            left = repository.count_outdated(conn, tenant, pipeline.version)
        new = foreground.rescore_job(tenant, pipeline.version, left)
        with foreground.held(database, new, owner, settings) as job, progress() as bar:
            task = bar.add_task("comments", total=left)
            advance = lambda rows: bar.advance(task, rows)  # noqa: E731
            try:
                Rescore(
                    database,
                    job,
                    owner,
                    Watched(Aside(lambda: pipeline.analyze)),
                    pipeline.version,
                    settings,
                    on_batch=advance,
                    in_force=lambda: choice(database, given) == begun_with,
                ).work()
            except (KeyboardInterrupt, LeaseLost):
                stopped = True
        job = foreground.current(database, job)
    click.echo(f"{job.replaced:,} analysed again by {pipeline.version}, {job.replayed:,} changed meanwhile")
    if stopped:
        click.echo("Stopped; run the same again to go on.", err=True)
        context.exit(130)
