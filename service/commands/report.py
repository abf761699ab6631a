"""`listenwell report`: the customer journey report as one file, HTML or PDF by its ending."""

from datetime import UTC, datetime
from pathlib import Path

import click

import models
from service.commands.given import output_stream, read_settings, store, tenant_option
from service.database import read
from service.listing import Where
from service.metrics import Rules
from service.metrics.journey import Order
from service.promotion.choice import choice
from service.remote import file_name
from service.reports.document import document
from service.reports.gathering import Asked, gathered
from service.reports.pdf import as_pdf
from service.routes.given import days


@click.command()
@click.option("--from", "from_", metavar="DAY", help="First day, like 2026-10-01 (UTC).")
@click.option("--to", metavar="DAY", help="The day after the last one.")
@click.option("--touchpoint", metavar="ID", help="One touchpoint; all if not given.")
@click.option(
    "--where", metavar="FIELD=VALUE", help="A segment, like channel=phone or metadata.region=north."
)
@click.option(
    "--output", required=True, metavar="FILE", help="A path or URL that ends in .html or .pdf (extra report)."
)
@tenant_option
def report(
    from_: str | None, to: str | None, touchpoint: str | None, where: str | None, output: str, tenant: str
) -> None:
    """Write the customer journey report."""
    ending = _ending(output)
    first, end = days(from_, to, dashes="--")
    asked = Asked(from_day=first, to_day=end, touchpoint=touchpoint, where=Where.of("--where", where))
    settings = read_settings()
    with store(settings) as engine:
        model = choice(engine, settings).about()
        rules = Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)
        with read(engine) as conn:
            order = Order.of(settings, model.taxonomy)
            view = gathered(conn, tenant, asked, rules, order, model.taxonomy)
    html = document(view, made=datetime.now(UTC).date())
    content = as_pdf(html) if ending == ".pdf" else html.encode("utf-8")
    with output_stream(output) as out:
        out.write(content)
    click.echo(f"{output}: {view['total']['m']['n']:,} comments, {len(view['parts'])} touchpoints", err=True)


def _ending(output: str) -> str:
    ending = Path(file_name(output)).suffix.lower()
    if ending not in (".html", ".pdf"):
        raise models.InputError("--output: must end in .html or .pdf", code="unknown_format")
    return ending
