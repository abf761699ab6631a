"""What has to be done now and then, by whichever process runs in the background: `sweep`, or `keep_house`.

Retention is enforced; old events and old idempotency keys go. Any number of processes may do so at once, and
doing it twice changes nothing.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection, Engine

from service.clock import database_time
from service.database import AWAY, write
from service.events import delivery_repository
from service.idempotency import once
from service.idempotency import repository as answers
from service.privacy.erasing import enforce_retention

EVERY_SECONDS = 600.0
EVENTS_KEPT = timedelta(days=7)
"""Longer than any event is tried, so that an operator can still see what became of it."""
_BATCH = 1_000

log = logging.getLogger("listenwell.housekeeping")


def keep_house(engine: Engine, stop: threading.Event) -> None:
    """`sweep` now and every ten minutes, until `stop` is set."""
    while True:
        try:
            sweep(engine)
        except AWAY as error:
            log.error(
                "housekeeping waits: the database cannot be reached or is busy: %s",
                getattr(error, "orig", error),
            )
        if stop.wait(EVERY_SECONDS):
            return


def sweep(engine: Engine) -> None:
    """Everything once."""
    erased = enforce_retention(engine)
    if erased:
        log.info("retention: %d comments erased", erased)
    _clear(engine, delivery_repository.sweep, EVENTS_KEPT)
    _clear(engine, answers.sweep, once.KEPT)


def _clear(engine: Engine, delete: Callable[[Connection, datetime, int], int], kept: timedelta) -> None:
    deleted = _BATCH
    while deleted == _BATCH:
        with write(engine) as conn:
            deleted = delete(conn, database_time(conn) - kept, _BATCH)
