"""`listenwell jobs list|show|cancel|rejects`: what is worked on, how far it is, and what could not be stored."""

import json

import click
import sqlalchemy as sa
from rich import box
from rich.table import Table
from rich.text import Text

import models
from service.commands.given import read_settings, store, tenant_option, written
from service.commands.table import output
from service.database import read, write
from service.jobs import leases, rejects, repository, storage
from service.jobs.answers import job_json
from service.jobs.records import Job

_LISTED = 50
_COLUMNS = ("id", "kind", "state", "rows", "of", "failed", "since", "name")


@click.group()
def jobs() -> None:
    """Look at jobs, or cancel one."""


@jobs.command("list")
@tenant_option
def list_(tenant: str) -> None:
    """The newest jobs."""
    with store(read_settings()) as engine, read(engine) as conn:
        found = repository.page(conn, tenant, _LISTED).jobs
    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, pad_edge=False)
    for job in found:
        table.add_row(*(Text(cell) for cell in _cells(job)))
    output().print(table if found else "No jobs.")


@jobs.command()
@click.argument("id")
@tenant_option
def show(id: str, tenant: str) -> None:
    """What GET /v1/jobs/ID answers."""
    settings = read_settings()
    with store(settings) as engine:
        click.echo(json.dumps(job_json(_find(engine, tenant, id), settings.keep_jobs_days), indent=1))


@jobs.command()
@click.argument("id")
@tenant_option
def cancel(id: str, tenant: str) -> None:
    """Stop a job; what it stored stays."""
    settings = read_settings()
    with store(settings) as engine:
        job = _find(engine, tenant, id)
        with write(engine) as conn:
            cancelled = leases.cancel(conn, tenant, id)
        if cancelled:
            # The rejects of a job that had ended are kept for their time.
            storage.remove_all(storage.folder_of(settings), job.source, job.id)
        click.echo("cancelled" if cancelled else f"it had ended: {_find(engine, tenant, id).state}")


@jobs.command("rejects")
@click.argument("id")
@click.option("--output", metavar="FILE", default="-", help="Where to; else standard output.")
@tenant_option
def rejects_(id: str, output: str, tenant: str) -> None:
    """The rows that a job rejected, each with the reason, as JSON lines to be corrected and sent again."""
    settings = read_settings()
    with store(settings) as engine:
        found = rejects.fetch(engine, _find(engine, tenant, id), settings)
        with written("--output", output) as out:
            out.writelines(found)


def _find(engine: sa.Engine, tenant: str, id: str) -> Job:
    with read(engine) as conn:
        job = repository.get(conn, tenant, id)
    if job is None:
        raise models.InputError("no job has this id", code="unknown_job")
    return job


def _cells(job: Job) -> list[str]:
    state = "waiting for a worker" if job.state == "running" and job.lapsed else job.state
    return [
        job.id,
        job.kind,
        state,
        f"{job.position:,}",
        "?" if job.total is None else f"{job.total:,}",
        f"{job.failed:,}",
        f"{job.created_at:%Y-%m-%d %H:%M}",
        job.name,
    ]
