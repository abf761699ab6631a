"""`listenwell worker`: jobs, events to webhooks and what the house needs, until SIGTERM or Ctrl-C."""

import os
import threading
from functools import partial

import click
import sqlalchemy as sa

from service import logs, tracing
from service.commands.given import read_settings, store
from service.commands.stopping import stop_on_signals
from service.events import deliver
from service.housekeeping import keep_house
from service.jobs.aside import Aside, step_back
from service.jobs.worker import Worker
from service.promotion.following import Following
from service.settings import Settings
from service.watched import Watched


@click.command()
@click.option(
    "--nice", type=click.IntRange(0, 19), default=0, help="How far its model steps back for others."
)
@click.option(
    "--with-parent", type=int, metavar="PID", help="Stop when the process that started it, of this id, ends."
)
def worker(nice: int, with_parent: int | None) -> None:
    """Work on the files that POST /v1/jobs took in. Any number of workers may run, on any machine that sees the
    database and the folder of files; it also delivers events and enforces retention. SIGTERM lets the batch at
    hand end and gives the job back."""
    settings = read_settings()
    logs.configure(settings)
    stop = stop_on_signals()
    if nice and os.getsid(0) == os.getpid():
        step_back()
    if with_parent is not None:
        threading.Thread(target=_watch, args=(with_parent, stop), daemon=True).start()

    with tracing.on(), store(settings) as database:
        beside = [
            threading.Thread(target=keep_house, args=(database, settings, stop), name="housekeeping"),
            threading.Thread(target=_deliver, args=(database, settings, stop), name="deliver"),
        ]
        for thread in beside:
            thread.start()
        try:
            load = partial(Following, database, settings)
            Worker(database, settings, lambda: Watched(Aside(load, nice)), stop).run()
        finally:
            stop.set()
            for thread in beside:
                thread.join()


def _deliver(database: sa.Engine, settings: Settings, stop: threading.Event) -> None:
    deliver.run(database, stop, allow_private=settings.webhooks_allow_private)


def _watch(parent: int, stop: threading.Event) -> None:
    """Nobody would stop the worker of a server that was killed, maybe while this one was only starting."""
    while os.getppid() == parent and not stop.wait(0.5):
        pass
    stop.set()
