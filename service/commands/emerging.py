"""`listenwell emerging`: what customers talk of that no issue or strength covers."""

import json
from typing import Any

import click

from service.commands.given import read_settings, store, tenant_option
from service.database import read
from service.metrics.emerging import emerging as found_in
from service.metrics.emerging import period_asked
from service.rollup_repository import last_day
from service.rollups import WHOLE
from service.routes.given import days


@click.command()
@click.option("--from", "from_", metavar="DAY", help="First day, like 2026-10-01 (UTC); default: 28 days.")
@click.option("--to", metavar="DAY", help="The day after the last one; default: after the newest comment.")
@click.option("--touchpoint", default=WHOLE, help="One touchpoint; default: all comments.")
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/emerging answers.")
@tenant_option
def emerging(from_: str | None, to: str | None, touchpoint: str, as_json: bool, tenant: str) -> None:
    """Print themes of comments without a label: candidates for the taxonomy."""
    asked = days(from_, to, dashes="--")
    with store(read_settings()) as engine, read(engine) as conn:
        found = found_in(conn, tenant, touchpoint, period_asked(*asked, last_day(conn, tenant)))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for theme in found["themes"]:
        click.echo(_line(theme))
    click.echo(f"themes: {len(found['themes'])} in {found['unexplained']:,} comments without a label")


def _line(theme: dict[str, Any]) -> str:
    growth = theme["growth"]
    change = f"{100 * growth['difference']:+.1f} %-points" if growth else "nothing to compare with"
    sure = "" if growth is None or growth["real"] else ", perhaps chance"
    return f"{theme['n']:6,}  {', '.join(theme['words'])} ({change}{sure})"
