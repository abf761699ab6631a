"""`listenwell models shadow`: a challenger that reads what comes in beside the model in force."""

from collections.abc import Mapping
from typing import Any

import click

from service.analyse import TENANT
from service.commands.given import read_settings, store
from service.commands.promotions import given_actor
from service.database import read
from service.keys.key import checked_tenant
from service.promotion.choice import choice
from service.shadow import repository, starting
from service.shadow.answers import shadow_report


@click.command()
@click.argument("model", metavar="[FOLDER|VERSION]", required=False)
@click.option("--stop", is_flag=True, help="Let none read any more.")
@click.option(
    "--tenant",
    metavar="NAME",
    callback=lambda _, __, name: name and checked_tenant(name),
    help="Whose comments it reads, or whose figures are shown; everybody's, or default's, if missing.",
)
@given_actor
def shadow(model: str | None, stop: bool, tenant: str | None, actor: str) -> None:
    """Let a model read what comes to POST /v1/comments, answering nobody; without one, say what it found so far."""
    if stop and (model is not None or tenant is not None):
        raise click.UsageError("--stop takes no model and no tenant")
    settings = read_settings()
    with store(settings) as engine:
        if stop:
            told = "stopped" if starting.stop(engine) else "no challenger was reading"
        elif model is not None:
            version = starting.start(engine, settings, model, actor=actor, tenant=tenant)
            told = f"{version} reads along; running processes take it up within seconds"
        else:
            version = choice(engine, settings).about().version
            with read(engine) as conn:
                found = shadow_report(conn, tenant or TENANT, version)
                reader = repository.newest(conn)
            told = _lines(found, 0 if reader is None else reader.dropped)
    click.echo(told)


def _lines(found: Mapping[str, Any], dropped: int) -> str:
    who = found["challenger"]
    if who is None:
        return "no challenger has read these comments"
    until = f" to {who['stopped']}" if who["stopped"] else ""
    lines = [
        f"{who['version']} beside {found['in_force']}, from {who['since']}{until}",
        f"{found['comments']} comments read, of all tenants {dropped} dropped because it was busy",
        f"any label: {_share(found['changed'])}",
    ]
    lines += [
        f"{one['id']}: {_share(one)}, {one['gained']} gained, {one['lost']} lost" for one in found["labels"]
    ]
    return "\n".join(lines)


def _share(of: Mapping[str, Any]) -> str:
    if of["rate"] is None:
        return "–"
    low, high = of["ci95"]
    return f"changed in {of['rate']:.1%} [{low:.1%}, {high:.1%}]"
