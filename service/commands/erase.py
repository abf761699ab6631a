"""`listenwell erase`: a comment, or all comments of a customer, with everything made of them."""

import click

from service.commands.given import read_settings, store, tenant_option
from service.database import write
from service.privacy.erasing import erase_comment, erase_customer

ACTOR = "command"


@click.command()
@click.option("--customer", metavar="ID", help="All comments of this customer.")
@click.option("--comment", metavar="ID", help="This comment.")
@tenant_option
def erase(customer: str | None, comment: str | None, tenant: str) -> None:
    """Erase; the metrics follow, and an audit line without content stays. Safe to run twice."""
    if bool(customer) == bool(comment):
        raise click.UsageError("give either --customer or --comment")
    with store(read_settings()) as engine, write(engine) as conn:
        if customer:
            erased = erase_customer(conn, tenant, customer, ACTOR)
        else:
            erased = int(erase_comment(conn, tenant, comment or "", ACTOR))
    click.echo(f"{erased} erased")
