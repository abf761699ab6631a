"""`listenwell models impact`: what every touchpoint's numbers would be under another model."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from service import repository
from service.commands.given import read_settings, store, tenant_option
from service.commands.progress import progress
from service.commands.table import output
from service.corrections.in_force import GROUPS
from service.database import read
from service.metrics import Rules
from service.promotion.choice import Choice, choice
from service.promotion.impact import Impact, Side, newest
from service.promotion.promoting import folder_named
from service.settings import Settings

_TOP = 3


@click.command()
@click.argument("model", metavar="FOLDER|VERSION")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="The N comments that came last; all if not given."
)
@click.option(
    "--show",
    default=20,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Comments that change their tags, by id, to list.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: all metrics of all touchpoints under both."
)
@tenant_option
def impact(model: str, limit: int | None, show: int, as_json: bool, tenant: str) -> None:
    """Say what the metrics would be if MODEL had read the stored comments, beside the model in force.

    Comments that another model than that in force has read are read again by both. Nothing is stored.
    """
    settings = read_settings()
    with store(settings) as engine:
        with read(engine) as conn:
            name = folder_named(conn, model)
            stored = repository.count(conn, tenant)
        found = Impact(_side(choice(engine, settings), settings), _side(Choice(name), settings), shown=show)
        with progress() as bar:
            task = bar.add_task("comments", total=min(limit or stored, stored))
            for batch in newest(engine, tenant, limit):
                found.add(batch)
                bar.advance(task, len(batch))
    report = found.report()
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _print(report)


def _side(chosen: Choice, settings: Settings) -> Side:
    pipeline = chosen.load(settings)
    rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
    return Side(pipeline.version, pipeline.analyze, rules)


def _print(report: Mapping[str, Any]) -> None:
    console = output()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("touchpoint", "comments", "change tags", "sentiment", "rates that move most"):
        table.add_column(column, overflow="fold")
    for one in report["touchpoints"]:
        place = "all comments" if one["touchpoint"] == "*" else one["touchpoint"]
        n = "{:,}".format(one["a"]["n"])
        if one["a"]["n"] != one["b"]["n"]:
            # Inferred touchpoints are the model's word as well.
            n += " → {:,}".format(one["b"]["n"])
        rates = ", ".join(_moves(one))
        table.add_row(*map(Text, (place, n, f"{one['changed']:,}", _sentiment(one), rates or "–")))
    console.print(f"{report['comments']:,} stored comments, {report['a']} → {report['b']}")
    console.print(table)
    for one in report["examples"]:
        changes = [f"+{id}" for id in one["added"]] + [f"-{id}" for id in one["removed"]]
        console.print(Text(f"{one['id']}: {' '.join(changes)}"))


def _sentiment(one: Mapping[str, Any]) -> str:
    values = (one[side]["sentiment"]["mean"] for side in "ab")
    return " → ".join("–" if value is None else f"{value:+.2f}" for value in values)


def _moves(one: Mapping[str, Any]) -> Iterator[str]:
    """The observed rates that change most."""
    found = []
    for key in GROUPS:
        before, after = ({each["id"]: each["observed"] for each in one[side][key]} for side in "ab")
        for id in before.keys() & after.keys():
            a, b = before[id]["rate"], after[id]["rate"]
            if a is not None and b is not None and a != b:
                found.append((-abs(b - a), id, a, b))
    for _, id, a, b in sorted(found)[:_TOP]:
        yield f"{id} {a:.1%} → {b:.1%}"
