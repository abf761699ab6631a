"""`listenwell serve`: API and page, in the foreground, until SIGTERM or Ctrl-C."""

import ipaddress
import os
import socket
import sys
from pathlib import Path

import click
import sqlalchemy as sa

import models
from service import cores, logs
from service.commands.given import read_settings, store
from service.commands.supervise import supervise
from service.jobs.storage import folder_of
from service.keys.access import keys_exist
from service.promotion.choice import NAMED, choice
from service.settings import Settings


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1), help="Processes that answer; one a core if not given.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the API and the page, one process a core, with workers for jobs beside them."""
    settings = read_settings(host=host, port=port, workers=workers)
    address = _address(settings.host)
    with store(settings) as engine:
        # What is wrong should be said here, once, and not in a worker's log.
        choice(engine, settings).about()
        keyed = keys_exist(engine)
    if not keyed and not address.is_loopback:
        raise models.InputError(
            f"there is no key yet, so whoever reaches {address} could read and erase all comments; make one "
            "first: listenwell keys create --name NAME --scope admin",
            code="insecure_address",
        )
    _check_free(address, settings.port)
    _announce(address, settings, keyed=keyed)
    logs.configure(settings)
    supervise(
        settings, str(address), settings.port, cores.workers(settings), os.environ | _environment(settings)
    )


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise models.InputError("LISTENWELL_HOST: must be an IP address", code="invalid_setting") from None


def _check_free(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(address), port))
        except OSError as error:
            raise models.InputError(
                f"cannot listen on {address} port {port}: {error.strerror}", code="invalid_setting"
            ) from None


def _announce(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, settings: Settings, *, keyed: bool
) -> None:
    shown = f"[{address}]" if address.version == 6 else str(address)
    click.echo(f"Listenwell on http://{shown}:{settings.port} (API under /v1, its description at /docs)")
    if not keyed:
        click.echo(
            "There is no key: it listens on this machine only, and whoever uses this machine may use it."
        )
    else:
        click.echo("It asks for a key: Authorization: Bearer lw_…, or a browser's sign-in.")
    sys.stdout.flush()


def _environment(settings: Settings) -> dict[str, str]:
    """The settings in force, for the workers beside; paths made absolute, wherever they look from."""
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:"):
        url = url.set(database=str(Path(url.database).absolute()))
    return _model(settings) | {
        "LISTENWELL_DATABASE_URL": url.render_as_string(hide_password=False),
        "LISTENWELL_FILES": str(folder_of(settings)),
        "LISTENWELL_HOST": settings.host,
        "LISTENWELL_PORT": str(settings.port),
    }


def _model(settings: Settings) -> dict[str, str]:
    """Nothing where the store says which model is in force."""
    if settings.model is None:
        return {}
    named = settings.model in NAMED
    return {"LISTENWELL_MODEL": settings.model if named else str(Path(settings.model).absolute())}
