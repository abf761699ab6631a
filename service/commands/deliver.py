"""`listenwell deliver`: brings events to webhooks and keeps the house in order, until SIGTERM or Ctrl-C."""

import threading

import click

from service import logs, tracing
from service.commands.given import read_settings, store
from service.commands.stopping import stop_on_signals
from service.events.deliver import run
from service.housekeeping import keep_house


@click.command()
def deliver() -> None:
    """Deliver events in the foreground; what is under way is finished before it stops."""
    settings = read_settings()
    logs.configure(settings)
    stop = stop_on_signals()
    with tracing.on(), store(settings) as engine:
        house = threading.Thread(target=keep_house, args=(engine, settings, stop), name="housekeeping")
        house.start()
        run(engine, stop, allow_private=settings.webhooks_allow_private)
        house.join()
