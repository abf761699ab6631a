"""`listenwell drift`: whether what came in is still what it was, as lines or as JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from service.commands.given import read_settings, store, tenant_option
from service.database import read
from service.drift.watching import By
from service.drift.watching import drift as watched
from service.metrics import Rules
from service.promotion.choice import choice
from service.routes.drift import Weeks


@click.command()
@click.option("--from", "from_", metavar="DAY", help="First day of the first week; seven days before --to.")
@click.option("--to", metavar="DAY", help="The day after the last week; today if missing (UTC).")
@click.option("--by", type=click.Choice(["channel", "touchpoint"]), default="channel", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/drift answers.")
@tenant_option
def drift(from_: str | None, to: str | None, by: By, as_json: bool, tenant: str) -> None:
    """Compare each week with the eight weeks before it; exit status 1 if there is an alarm."""
    settings = read_settings()
    days = Weeks.model_validate({"from": from_, "to": to}).days(datetime.now(UTC).date())
    with store(settings) as engine:
        model = choice(engine, settings).about()
        rules = Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)
        with read(engine) as conn:
            found = watched(conn, tenant, rules, model.taxonomy, *days, by)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _tell(found)
    raise SystemExit(any(week["alarms"] for week in found["weeks"]))


def _tell(found: Mapping[str, Any]) -> None:
    for week in found["weeks"]:
        checks = sum(len(one["checks"]) for one in week["sources"])
        alarms = len(week["alarms"])
        click.echo(f"{week['from']} to {week['to']}: {checks} checks, {alarms} alarm{'s' * (alarms != 1)}")
        for one in week["alarms"]:
            where = "all comments" if one["source"] is None else f"{found['by']} {one['source']}"
            what = f" ({one['what']})" if one["what"] else ""
            rates = "" if one["now"] is None else f", {one['before']:.1%} before, now {one['now']:.1%}"
            click.echo(f"  {where}: {one['check']}{what}{rates}, p {one['p']:g}")
            click.echo(f"    comments: {', '.join(one['comments'])}")
