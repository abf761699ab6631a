"""`listenwell export`: metrics or comments as a table in one file, CSV or Parquet, for spreadsheets and BI tools."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import click

import models
from service.commands.given import output_stream, read_settings, store, tenant_option
from service.exports import comments as comment_table
from service.exports import metrics as metric_table
from service.exports.tables import ENCODERS, Column, Format, Row
from service.listing import Filters, Where, segment_field
from service.metrics import Grain, Rules
from service.promotion.choice import choice
from service.remote import file_name
from service.routes.given import days, label

_output_option = click.option(
    "--output", required=True, metavar="FILE", help="A path or URL to write to, or - for standard output."
)
_format_option = click.option(
    "--format", "name", type=click.Choice(get_args(Format)), help="By the ending of FILE if not given."
)
_from_option = click.option("--from", "from_", metavar="DAY", help="First day, like 2026-10-01 (UTC).")
_to_option = click.option("--to", metavar="DAY", help="The day after the last one.")
_touchpoint_option = click.option("--touchpoint", metavar="ID", help="One touchpoint; all if not given.")


@click.group()
def export() -> None:
    """Take metrics or comments out as a table."""


@export.command()
@_output_option
@_format_option
@_from_option
@_to_option
@_touchpoint_option
@click.option("--grain", type=click.Choice(get_args(Grain)), help="A row for each day, week or month.")
@click.option("--by", metavar="FIELD", help="By channel, language or metadata.NAME; not with --grain.")
@tenant_option
def metrics(
    output: str,
    name: Format | None,
    from_: str | None,
    to: str | None,
    touchpoint: str | None,
    grain: Grain | None,
    by: str | None,
    tenant: str,
) -> None:
    """Write every number of every touchpoint, a row each, with interval, n and method."""
    format = _format(output, name)
    from_day, to_day = days(from_, to, dashes="--")
    asked = metric_table.AskedMetrics(
        from_day=from_day,
        to_day=to_day,
        touchpoint=touchpoint,
        grain=grain,
        by=segment_field("--by", by) if by else None,
    )
    settings = read_settings()
    with store(settings) as engine:
        model = choice(engine, settings).about()
        rules = Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)
        _write(output, format, metric_table.COLUMNS, metric_table.rows(engine, tenant, rules, asked))


@export.command()
@_output_option
@_format_option
@_from_option
@_to_option
@_touchpoint_option
@click.option("--issue", metavar="ID", help="Comments with this issue.")
@click.option("--strength", metavar="ID", help="Comments with this strength.")
@click.option("--category", metavar="ID", help="Comments with this category of one's own.")
@click.option(
    "--where", metavar="FIELD=VALUE", help="Only comments like channel=phone or metadata.region=north."
)
@tenant_option
def comments(
    output: str,
    name: Format | None,
    from_: str | None,
    to: str | None,
    touchpoint: str | None,
    issue: str | None,
    strength: str | None,
    category: str | None,
    where: str | None,
    tenant: str,
) -> None:
    """Write every comment, a row for each of its labels."""
    format, settings = _format(output, name), read_settings()
    from_day, to_day = days(from_, to, dashes="--")
    with store(settings) as engine:
        taxonomy = choice(engine, settings).about().taxonomy
        filters = Filters(
            touchpoint=touchpoint,
            issue=label("issue", issue, taxonomy),
            strength=label("strength", strength, taxonomy),
            category=label("category", category, taxonomy),
            from_=from_day,
            to=to_day,
            where=Where.of("--where", where),
        )
        _write(output, format, comment_table.COLUMNS, comment_table.rows(engine, tenant, filters))


def _write(output: str, format: Format, columns: Iterable[Column], rows: Iterable[Row]) -> None:
    with output_stream(output) as out:
        for piece in ENCODERS[format](columns, rows):
            out.write(piece)


def _format(output: str, name: Format | None) -> Format:
    ending = Path(file_name(output)).suffix.lower().removeprefix(".")
    for one in get_args(Format):
        if one == (name or ending):
            known: Format = one
            return known
    raise models.InputError("--output: must end in .csv or .parquet, or give --format", code="unknown_format")
