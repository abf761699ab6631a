"""Kills deliverers while comments come and go, and counts what reached the receiver.

    python -m tests.deliveries --kills 20 --database sqlite:///deliveries.db

Two processes deliver; each kill (SIGKILL, at a random moment) is followed by a new one. The receiver refuses one
delivery in ten. At the end every event that is in the outbox must have come at least once and always with the
same body, every comment that stayed must have been told as analysed, and every one that was erased as deleted.
The database must be a new one. Exit status 1 if anything is lost or told differently.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service.analyse import Desk
from service.database import migrate, open_engine, read, write
from service.events import deliver, outbox, webhook_repository
from service.events.signing import new_secret
from service.events.tables import delivery, event
from service.privacy.erasing import erase_comment
from service.settings import Settings
from tests.receiver import Receiver, receiving

LEFT_SECONDS = 120
"""How long what is left after the last kill may take."""
REFUSED = 0.1


@click.command()
@click.option("--database", default="sqlite:///deliveries.db", show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--child", is_flag=True, hidden=True)
def main(database: str, kills: int, seed: int, child: bool) -> None:
    """Run, and print the figures as JSON."""
    if child:
        deliver_for_ever(database)
        return
    figures = run(database, kills, random.Random(seed))
    click.echo(json.dumps(figures))
    if figures["lost"] or figures["told_differently"]:
        raise SystemExit(1)


def run(database: str, kills: int, dice: random.Random) -> dict[str, int]:
    """The figures: kills, events, posts, refused, repeated, lost, told_differently."""
    engine = open_engine(database)
    migrate(engine)
    with receiving() as receiver:
        receiver.refuses = lambda: dice.random() < REFUSED
        with write(engine) as conn:
            webhook_repository.add(conn, "default", receiver.url, outbox.TYPES, new_secret(), False)
        with busy(engine) as erased:
            killing(database, kills, dice, lambda: None)
        killing(database, 0, dice, lambda: _wait(engine))
    figures = {"kills": kills} | _count(engine, receiver, erased)
    engine.dispose()
    return figures


def deliver_for_ever(database: str) -> None:
    """A deliverer with short waits: a test has no three days, and no minutes for the lease of a dead one."""
    deliver.LEASE = timedelta(seconds=2)
    deliver.backoff = lambda attempts: 0.2
    deliver.run(open_engine(database), threading.Event(), allow_private=True)


def killing(database: str, kills: int, dice: random.Random, then: Any) -> None:
    """Two deliverers, of which one dies at random moments and is followed by another."""
    command = [sys.executable, "-m", "tests.deliveries", "--child", "--database", database]
    children = [subprocess.Popen(command) for _ in range(2)]
    try:
        for _ in range(kills):
            time.sleep(dice.uniform(0.5, 2.5))
            victim = children.pop(0)
            victim.kill()
            victim.wait()
            children.append(subprocess.Popen(command))
        then()
    finally:
        for child in children:
            child.kill()
            child.wait()


@contextmanager
def busy(engine: Engine) -> Iterator[list[str]]:
    """Comments come in until the end of the block, and one in five is erased; the ids of those."""
    desk = Desk(engine, models.load("weightless").analyze, Settings(model="weightless"))
    stop, erased = threading.Event(), []

    def work() -> None:
        number = 0
        while not stop.wait(0.02):
            number += 1
            desk.record([{"id": f"c{number}", "text": "Checkout was easy."}])
            if number % 5 == 0:
                with write(engine) as conn:
                    erase_comment(conn, "default", f"c{number}", "test")
                erased.append(f"c{number}")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield erased
    finally:
        stop.set()
        thread.join()


def _wait(engine: Engine) -> None:
    deadline = time.monotonic() + LEFT_SECONDS
    waiting = sa.select(sa.func.count()).where(delivery.c.next_at.is_not(None))
    while time.monotonic() < deadline:
        with read(engine) as conn:
            if conn.execute(waiting).scalar_one() == 0:
                return
        time.sleep(0.2)


def _count(engine: Engine, receiver: Receiver, erased: list[str]) -> dict[str, int]:
    bodies: dict[str, set[bytes]] = {}
    for headers, body in receiver.got:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    told = [json.loads(body) for _, body in receiver.got]
    analyzed = {one["data"]["id"] for one in told if one["type"] == "comment.analyzed"}
    deleted = {one["data"]["id"] for one in told if one["type"] == "comment.deleted"}
    with read(engine) as conn:
        outbox_ids = set(conn.scalars(sa.select(event.c.id)))
        stored = set(conn.scalars(sa.text("SELECT id FROM comment")))
    missing = (outbox_ids - set(bodies), stored - analyzed, set(erased) - deleted)
    return {
        "comments": len(stored) + len(erased),
        "events": len(outbox_ids),
        "posts": len(receiver.got),
        "refused": receiver.refused,
        "repeated": len(receiver.got) - receiver.refused - len(bodies),
        "lost": sum(len(one) for one in missing),
        "told_differently": sum(len(one) > 1 for one in bodies.values()),
    }


if __name__ == "__main__":
    main()
