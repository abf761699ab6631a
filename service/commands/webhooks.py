"""`listenwell webhooks`: whom to tell of events."""

import json
import secrets
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

import models
from service.answers import rfc3339
from service.commands.given import read_settings, rotation_under_way, store, tenant_option
from service.database import read, write
from service.events import outbox, webhook_repository
from service.events.addresses import check_url
from service.events.sending import post
from service.events.signing import new_secret, signed
from service.events.webhook_repository import Webhook

Found = TypeVar("Found")


@click.group()
def webhooks() -> None:
    """Addresses that are told of events, signed by the Standard Webhooks convention."""


@webhooks.command()
@click.argument("url")
@click.option(
    "--event", "types", multiple=True, type=click.Choice(outbox.TYPES), help="Repeat it; default: all."
)
@click.option("--with-text", is_flag=True, help="Send the comment's text, too; default: ids and labels.")
@tenant_option
def add(url: str, types: tuple[str, ...], with_text: bool, tenant: str) -> None:
    """Add a webhook; its secret is shown once."""
    settings = read_settings()
    check_url(url, allow_private=settings.webhooks_allow_private)
    secret = new_secret()
    with store(settings) as engine, write(engine) as conn:
        id = webhook_repository.add(conn, tenant, url, types or outbox.TYPES, secret, with_text)
    click.echo(f"{id} {url}\nsecret (shown only now): {secret}")


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True)
@tenant_option
def list_(as_json: bool, tenant: str) -> None:
    """List the webhooks, how they fare, and how many deliveries wait."""
    with store(read_settings()) as engine, read(engine) as conn:
        found = webhook_repository.of_tenant(conn, tenant)
    for webhook, waiting in found:
        click.echo(json.dumps(_shown(webhook, waiting)) if as_json else _line(webhook, waiting))


@webhooks.command()
@click.argument("id")
@tenant_option
def test(id: str, tenant: str) -> None:
    """Send a webhook.test event now and say what the receiver answered; exit status 1 if it was not taken."""
    settings = read_settings()
    with store(settings) as engine, read(engine) as conn:
        webhook = _known(webhook_repository.find(conn, tenant, id))
        keys = webhook_repository.secrets_of(conn, id)
    body = outbox.body("webhook.test", {}, datetime.now(UTC)).encode("utf-8")
    headers = signed(f"evt_{secrets.token_hex(12)}", int(time.time()), body, keys)
    answer = post(webhook.url, headers, body, allow_private=settings.webhooks_allow_private)
    click.echo(f"{webhook.url}: {answer}")
    if not answer.accepted:
        raise SystemExit(1)


@webhooks.command()
@click.argument("id")
@tenant_option
def remove(id: str, tenant: str) -> None:
    """Remove a webhook; what waits for it is dropped."""
    with store(read_settings()) as engine, write(engine) as conn:
        _known(webhook_repository.remove(conn, tenant, id))
    click.echo(f"{id} removed")


@webhooks.command()
@click.argument("id")
@tenant_option
def enable(id: str, tenant: str) -> None:
    """Deliver again to a webhook that was disabled; what waited for it goes first."""
    with store(read_settings()) as engine, write(engine) as conn:
        _known(webhook_repository.enable(conn, tenant, id))
    click.echo(f"{id} enabled")


@webhooks.command()
@click.argument("id")
@click.option("--grace", type=click.IntRange(0, 8_760), default=24, show_default=True, help="In hours.")
@tenant_option
def rotate(id: str, grace: int, tenant: str) -> None:
    """Give a webhook a new secret, shown once; the old one signs beside it for the hours of grace."""
    secret = new_secret()
    with store(read_settings()) as engine, write(engine) as conn:
        until = webhook_repository.rotated_until(conn, tenant, id)
        if until and grace:
            raise rotation_under_way("webhook", until)
        _known(webhook_repository.rotate(conn, tenant, id, secret, timedelta(hours=grace)))
    click.echo(f"{id} secret (shown only now): {secret}")


def _known(found: Found | None) -> Found:
    if not found:
        raise models.InputError("no webhook has this id", code="unknown_webhook")
    return found


def _shown(webhook: Webhook, waiting: int) -> dict[str, Any]:
    since = webhook.failing_since
    return asdict(webhook) | {"failing_since": since and rfc3339(since), "waiting": waiting}


def _line(webhook: Webhook, waiting: int) -> str:
    state = "active"
    if not webhook.active:
        state = f"disabled: {webhook.disabled_reason}"
    elif webhook.failing_since:
        state = f"failing since {rfc3339(webhook.failing_since)}"
    wants = ",".join(webhook.types) + (" with text" if webhook.with_text else "")
    return f"{webhook.id}  {webhook.url}  {wants}  {state}  {waiting} waiting"
