"""`listenwell keys`: make keys, list them, give them new secrets, end them."""

import json
from datetime import datetime, timedelta

import click
from rich import box
from rich.table import Table
from rich.text import Text

import models
from service.answers import rfc3339
from service.commands.given import read_settings, rotation_under_way, store, tenant_option
from service.commands.table import output
from service.database import read, write
from service.keys import repository
from service.keys.key import SCOPES, Key, checked_tenant, hash_of, mint

_COLUMNS = (
    "id",
    "tenant",
    "name",
    "scopes",
    "state",
    "created_at",
    "last_used_at",
    "expires_at",
    "requests_per_minute",
    "comments_per_day",
)
_MOST_HOURS = 8_760


@click.group()
def keys() -> None:
    """Who may use the service: make, list, rotate and revoke keys."""


@keys.command()
@click.option("--name", required=True, metavar="NAME", help="What you will know it by.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice(SCOPES),
    help="read; write, which may read; admin, which may also erase; metrics, for Prometheus alone.",
)
@click.option("--expires-days", type=click.IntRange(1, 36_500), help="Days until it ends by itself.")
@click.option("--requests-per-minute", type=click.IntRange(1, 10**9), help="Requests it may make a minute.")
@click.option("--comments-per-day", type=click.IntRange(1, 10**9), help="Comments it may send a day (UTC).")
@tenant_option
def create(
    name: str,
    scopes: tuple[str, ...],
    expires_days: int | None,
    requests_per_minute: int | None,
    comments_per_day: int | None,
    tenant: str,
) -> None:
    """Make a key and print it. It is shown this once."""
    if len(name) > 128 or not name.isprintable():
        raise models.InputError("name: at most 128 printable characters", code="invalid_value")
    text = mint()
    with store(read_settings()) as engine, write(engine) as conn:
        now = repository.now(conn)
        key = Key(
            id=text.id,
            tenant=tenant,
            name=name,
            scopes=frozenset(scopes),
            created_at=now,
            expires_at=now + timedelta(days=expires_days) if expires_days else None,
            requests_per_minute=requests_per_minute,
            comments_per_day=comments_per_day,
            secret_hash=hash_of(text.secret),
        )
        repository.add(conn, key)
    _show(str(text))


@keys.command("list")
@click.option(
    "--tenant",
    metavar="NAME",
    callback=lambda _, __, name: name and checked_tenant(name),
    help="Only the keys of one tenant.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(tenant: str | None, as_json: bool) -> None:
    """List all keys, the oldest first, with their last use."""
    with store(read_settings()) as engine, read(engine) as conn:
        now = repository.now(conn)
        found = [_row(key, now) for key in repository.all_keys(conn, tenant)]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column.replace("_", " ").removesuffix(" at"), overflow="fold")
    for row in found:
        # Text and not markup: a name is no instruction to the terminal.
        table.add_row(*(Text("–" if row[column] is None else str(row[column])) for column in _COLUMNS))
    output().print(table if found else "There is no key.")


@keys.command()
@click.argument("id", metavar="ID")
@click.option(
    "--grace",
    default=24,
    show_default=True,
    type=click.IntRange(0, _MOST_HOURS),
    metavar="HOURS",
    help="The old secret holds so long.",
)
def rotate(id: str, grace: int) -> None:
    """Give the key ID a new secret and print it; the one before holds for the hours of --grace."""
    text = mint(id)
    with store(read_settings()) as engine, write(engine) as conn:
        now = repository.now(conn)
        _check_rotation(repository.find(conn, id), now, grace)
        until = now + timedelta(hours=grace)
        if not repository.rotate(conn, id, hash_of(text.secret), until):
            raise models.InputError("no key that is not revoked has this id", code="unknown_key")
    _show(str(text))


@keys.command()
@click.argument("id", metavar="ID")
def revoke(id: str) -> None:
    """End the key ID, at once and for good."""
    with store(read_settings()) as engine, write(engine) as conn:
        if not repository.revoke(conn, id):
            raise models.InputError("no key has this id", code="unknown_key")
    click.echo(f"{id} is revoked.")


def _check_rotation(found: tuple[Key, datetime] | None, now: datetime, grace: int) -> None:
    """Raises `InputError` where a rotation would end a secret before its time, or give one that opens nothing."""
    if found is None:
        return
    key = found[0]
    if key.state(now) == "expired":
        raise models.InputError("the key with this id is expired", code="unknown_key")
    if grace and len(key.hashes(now)) > 1:
        raise rotation_under_way("key", key.previous_until or now)


def _show(text: str) -> None:
    # The key alone on standard output, for a script to keep.
    click.echo(text)
    click.echo("Keep it now: it is not shown again. Send it as  Authorization: Bearer KEY", err=True)


def _row(key: Key, now: datetime) -> dict[str, str | int | None]:
    def shown(moment: datetime | None) -> str | None:
        return rfc3339(moment) if moment else None

    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "state": key.state(now),
        "created_at": shown(key.created_at),
        "last_used_at": shown(key.last_used_at),
        "expires_at": shown(key.expires_at),
        "requests_per_minute": key.requests_per_minute,
        "comments_per_day": key.comments_per_day,
    }
