"""What has to be done now and then, by whichever process runs in the background: `sweep`, or `keep_house`.

Retention is enforced; old events and old idempotency keys go; alerts are told. Any number of processes may do so at
once, and doing it twice changes nothing.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection, Engine

import models
from service.clock import database_time
from service.database import AWAY, write
from service.events import delivery_repository
from service.events.raising import raise_alerts
from service.idempotency import once
from service.idempotency import repository as answers
from service.privacy.erasing import enforce_retention
from service.settings import Settings

EVERY_SECONDS = 600.0
EVENTS_KEPT = timedelta(days=7)
"""Longer than any event is tried, so that an operator can still see what became of it."""
_BATCH = 1_000

log = logging.getLogger("listenwell.housekeeping")


def keep_house(engine: Engine, settings: Settings, stop: threading.Event) -> None:
    """`sweep`, and tell of alerts, now and every ten minutes, until `stop` is set."""
    while True:
        try:
            sweep(engine)
            _tell_of_alerts(engine, settings)
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


def _tell_of_alerts(engine: Engine, settings: Settings) -> None:
    try:
        raised = raise_alerts(engine, settings)
    except models.ListenwellError as error:
        # A model that is missing here may be there for others.
        log.error("alerts wait: %s [%s]", error.detail, error.code)
        return
    if raised:
        log.info("alerts: %d raised", raised)


def _clear(engine: Engine, delete: Callable[[Connection, datetime, int], int], kept: timedelta) -> None:
    deleted = _BATCH
    while deleted == _BATCH:
        with write(engine) as conn:
            deleted = delete(conn, database_time(conn) - kept, _BATCH)
