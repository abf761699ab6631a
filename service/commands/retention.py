"""`listenwell retention`: how long a tenant's comments are kept."""

import click

from service.commands.given import read_settings, store, tenant_option
from service.database import read, write
from service.privacy import repository
from service.privacy.erasing import enforce_retention


@click.group()
def retention() -> None:
    """Comments that occurred longer ago are erased, by the process that runs in the background."""


@retention.command("set")
@click.argument("days", type=click.IntRange(1, 36_500))
@tenant_option
def set_(days: int, tenant: str) -> None:
    """Keep a tenant's comments for so many days."""
    with store(read_settings()) as engine, write(engine) as conn:
        repository.set_retention(conn, tenant, days)
    click.echo(f"{tenant}: {days} days")


@retention.command()
@tenant_option
def unset(tenant: str) -> None:
    """Keep a tenant's comments for ever."""
    with store(read_settings()) as engine, write(engine) as conn:
        repository.set_retention(conn, tenant, None)
    click.echo(f"{tenant}: for ever")


@retention.command()
def show() -> None:
    """The limits that are set."""
    with store(read_settings()) as engine, read(engine) as conn:
        limits = repository.retentions(conn)
    for tenant, days in limits.items():
        click.echo(f"{tenant}: {days} days")


@retention.command()
def enforce() -> None:
    """Erase now what is older, of all tenants."""
    with store(read_settings()) as engine:
        click.echo(f"{enforce_retention(engine)} erased")
