"""Writers, people who correct, erasures, retention, webhooks that come and go and two deliverers, all at once.

Nobody may fail or wait for another crosswise, and at the end the sums are a recount of what is left.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from models import taxonomy
from service import repository
from service.analyse import Desk
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.events import deliver, outbox, webhook_repository
from service.events.signing import new_secret
from service.events.tables import event
from service.housekeeping import sweep
from service.idempotency.once import answer_once
from service.privacy import repository as audit
from service.privacy.erasing import erase_comment, erase_customer
from service.rollups import contribution
from service.settings import Settings
from tests.receiver import receiving

SECONDS = 4.0
TEXTS = ("Checkout was easy.", "The app crashes.", "Nobody fixed my bill.", "Agent was kind.")


class Busy:
    """What the threads do, each with dice of its own."""

    def __init__(self, engine: Engine, desk: Desk, url: str) -> None:
        self.engine, self.desk, self.url = engine, desk, url

    def post(self, dice: random.Random) -> None:
        at = datetime.now(UTC)
        items = {
            id: {
                "id": id,
                "text": dice.choice(TEXTS),
                "customer_id": f"u{dice.randrange(5)}",
                "occurred_at": (at - timedelta(days=dice.randrange(40))).isoformat(),
            }
            for id in (f"c{dice.randrange(40)}" for _ in range(6))
        }
        request, key = json.dumps(items).encode(), f"k{dice.random()}"
        answer_once(self.engine, "default", key, request, lambda: self.desk.record(list(items.values())))

    def correct(self, dice: random.Random) -> None:
        label = dice.choice(["poor_communication", "easy_to_use", "unresolved_issue"])
        said = {"labels": {dice.choice(["add", "remove"]): [label]}, "actor": f"p{dice.randrange(3)}"}
        new = read_correction(said, taxonomy.load(), "test")
        with suppress(models.InputError), write(self.engine) as conn:
            correct(conn, "default", f"c{dice.randrange(40)}", new)

    def erase(self, dice: random.Random) -> None:
        with write(self.engine) as conn:
            erase_customer(conn, "default", f"u{dice.randrange(5)}", "test")
        with write(self.engine) as conn:
            erase_comment(conn, "default", f"c{dice.randrange(40)}", "test")

    def keep_house(self, _: random.Random) -> None:
        sweep(self.engine)

    def change_webhooks(self, dice: random.Random) -> None:
        with write(self.engine) as conn:
            id = webhook_repository.add(
                conn, "default", self.url, outbox.TYPES, new_secret(), dice.random() < 0.5
            )
        threading.Event().wait(0.2)
        with write(self.engine) as conn:
            assert webhook_repository.remove(conn, "default", id)


def again_and_again(work: Callable[[random.Random], None], seed: int, stop: threading.Event) -> int:
    dice, rounds = random.Random(seed), 0
    while not stop.wait(0.005):
        work(dice)
        rounds += 1
    return rounds


@pytest.mark.slow
def test_everything_at_once(engine: Engine, pipeline: models.Pipeline) -> None:
    # What is loaded lazily should not be loaded by several threads at once.
    pipeline.analyze([models.Comment("Ready to read.")])
    stop = threading.Event()
    with receiving() as receiver, ThreadPoolExecutor(14) as pool:
        with write(engine) as conn:
            audit.set_retention(conn, "default", 30)
            webhook_repository.add(conn, "default", receiver.url, outbox.TYPES, new_secret(), True)
        busy = Busy(engine, Desk(engine, pipeline.analyze, Settings(model="weightless")), receiver.url)
        works = [
            *[busy.post] * 3,
            *[busy.correct] * 2,
            *[busy.erase] * 2,
            busy.keep_house,
            *[busy.change_webhooks] * 2,
        ]
        running = [pool.submit(again_and_again, work, seed, stop) for seed, work in enumerate(works)]
        deliverers = [pool.submit(deliver.run, engine, stop, allow_private=True) for _ in range(2)]
        threading.Event().wait(SECONDS)
        stop.set()
        rounds = [future.result() for future in running]
        for future in deliverers:
            future.result()
    assert all(rounds), rounds
    assert receiver.got
    assert sums(engine) == recount(engine)
    assert unknown_subjects(engine) == []


def sums(engine: Engine) -> dict[Any, int]:
    with read(engine) as conn:
        found = repository.measures(conn, "default")
    return {(one.touchpoint, one.day, one.measure): one.value for one in found if one.value}


def recount(engine: Engine) -> dict[Any, int]:
    total: Counter[Any] = Counter()
    with read(engine) as conn:
        for stored in repository.select(conn, "default", repository.Filters(), 1_000).comments:
            total.update(contribution(stored.record, stored.counted))
    return {key: value for key, value in total.items() if value}


def unknown_subjects(engine: Engine) -> list[Any]:
    """Events that still speak of the words of comments that are gone."""
    query = sa.select(event.c.subject).where(event.c.type == "comment.analyzed")
    there = sa.text("SELECT id FROM comment")
    with read(engine) as conn:
        stored = set(conn.scalars(there))
        return [subject for subject in conn.scalars(query) if subject not in stored]
