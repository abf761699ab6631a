"""`listenwell models list`, `promote` and `rollback`: which model is in force, and since when."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

import models
from service.answers import rfc3339
from service.commands.given import read_settings, store
from service.commands.table import output
from service.database import read
from service.model import model_in_force
from service.promotion import promoting, repository
from service.promotion.choice import SHIPPED, choice
from service.promotion.promoting import By
from service.promotion.repository import Promotion, RegisteredModel
from service.settings import Settings

_COLUMNS = ("version", "state", "since", "by", "registered_at", "folder")
_MAX_REASON = 2_000


def _user() -> str:
    try:
        return getpass.getuser()
    # A container may run under a number that nobody has a name for.
    except (KeyError, OSError):
        return "unknown"


given_actor = click.option(
    "--actor", default=_user, show_default="who is logged in", metavar="NAME", help="Who decides."
)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the history of promotions.")
def list_models(as_json: bool) -> None:
    """List the shipped model and those that are registered, and say which is in force, since when."""
    settings = read_settings()
    with store(settings) as engine:
        with read(engine) as conn:
            known, history = repository.models(conn), repository.history(conn)
        serving = choice(engine, settings).name
    rows = _rows(known, history)
    if as_json:
        told = [asdict(one) | {"at": rfc3339(one.at)} for one in history]
        click.echo(json.dumps({"models": rows, "promotions": told, "setting": settings.model}, indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column.replace("_", " ").removesuffix(" at"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(row[column] or "–")) for column in _COLUMNS))
    output().print(table)
    if settings.model is not None:
        click.echo(f"LISTENWELL_MODEL is set: where it is, {serving} answers, whatever is promoted.")


@click.command()
@click.argument("model", metavar="FOLDER|VERSION")
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The report.json of `listenwell models compare` with the model in force.",
)
@click.option("--override", metavar="REASON", help="Promote against the gate, for a reason that is recorded.")
@given_actor
def promote(model: str, report: Path | None, override: str | None, actor: str) -> None:
    """Put a model in force: every process takes it up within seconds, none is restarted."""
    settings, by = read_settings(), _by(actor, override)
    if override is not None and not override.strip():
        raise click.BadParameter("must say why", param_hint="--override")
    found = None if report is None else _read(report)
    with store(settings) as engine:
        decided = promoting.promote(
            engine, settings, model, by=by, report=found, override=override is not None
        )
    _tell(decided, settings)


@click.command()
@click.option("--reason", metavar="TEXT", help="Why; it is recorded.")
@given_actor
def rollback(reason: str | None, actor: str) -> None:
    """Put the model in force that was so before."""
    settings = read_settings()
    with store(settings) as engine:
        decided = promoting.roll_back(engine, settings, by=_by(actor, reason))
    _tell(decided, settings)


def _by(actor: str, reason: str | None) -> By:
    if not 0 < len(actor) <= 128:
        raise click.BadParameter("must have 1 to 128 characters", param_hint="--actor")
    if reason is not None and len(reason) > _MAX_REASON:
        raise click.BadParameter(f"at most {_MAX_REASON} characters", param_hint="the reason")
    return By(actor, reason)


def _read(report: Path) -> Any:
    try:
        return json.loads(report.read_text(encoding="utf-8"))
    except ValueError as error:
        raise models.InputError(f"{report.name}: not JSON", code="invalid_report") from error


def _tell(decided: Promotion, settings: Settings) -> None:
    click.echo(f"{decided.version} is in force; running processes take it up within seconds.")
    click.echo("History stays with the model that read it; `listenwell rescore` brings it to this one.")
    if settings.model is not None:
        click.echo("LISTENWELL_MODEL is set here: where it is, it goes before what is promoted.", err=True)


def _rows(known: list[RegisteredModel], history: list[Promotion]) -> list[dict[str, str | None]]:
    """One a model, the shipped one first. `state` is in_force, retired (it was) or registered."""
    shipped, current = model_in_force(SHIPPED).version, history[0] if history else None
    last = {one.version: one for one in reversed(history)}
    # A shipped model that the software no longer ships is not to be had any more.
    found = {one.version: one for one in known if one.folder != SHIPPED or one.version == shipped}
    rows = []
    for version in dict.fromkeys([shipped, *found]):
        one, decided = found.get(version), last.get(version)
        on_top = version == shipped if current is None or current.folder == SHIPPED else decided == current
        rows.append(
            {
                "version": version,
                "state": "in_force" if on_top else "retired" if decided or one is None else "registered",
                "since": rfc3339(decided.at) if on_top and decided else None,
                "by": decided.actor if on_top and decided else None,
                "registered_at": rfc3339(one.registered_at) if one else None,
                "folder": one.folder if one else SHIPPED,
            }
        )
    return rows
