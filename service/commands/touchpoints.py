"""`listenwell touchpoints`: the metrics of all touchpoints, as a table or as JSON."""

import json

import click

from service.commands.given import read_settings, store, tenant_option
from service.commands.table import output, print_touchpoints
from service.database import read
from service.metrics import Rules, overview
from service.promotion.choice import choice
from service.routes.given import days


@click.command()
@click.option("--from", "from_", metavar="DAY", help="First day, like 2026-10-01 (UTC).")
@click.option("--to", metavar="DAY", help="The day after the last one.")
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/touchpoints answers.")
@tenant_option
def touchpoints(from_: str | None, to: str | None, as_json: bool, tenant: str) -> None:
    """Print the metrics of every touchpoint."""
    settings = read_settings()
    from_day, to_day = days(from_, to, dashes="--")
    with store(settings) as engine:
        model = choice(engine, settings).about()
        rules = Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)
        with read(engine) as conn:
            found = overview(conn, tenant, rules, from_day=from_day, to_day=to_day)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        print_touchpoints(output(), found, model.taxonomy)
