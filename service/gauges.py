"""What Prometheus is told of the store: jobs, their queue, events that wait, webhooks. Asked when it asks.

    exposition(Gauges(engine))

From the store and not from processes, so that each answer tells of all of them, workers included. The labels are
kinds and states, which are fixed; tenants are summed.
"""

from collections.abc import Iterator
from typing import get_args

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.database import read
from service.events import delivery_repository, webhook_repository
from service.jobs import repository as jobs
from service.jobs.records import Kind, State


class Gauges(Collector):
    """A collector for one answer; where the database is away there is none, as for other calls."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: whoever registers it need not ask the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, of one moment."""
        with read(self._engine) as conn:
            yield from _jobs(conn)
            yield from _events(conn)


def _jobs(conn: sa.Connection) -> Iterator[GaugeMetricFamily]:
    counted = jobs.census(conn)
    states = GaugeMetricFamily("listenwell_jobs", "Jobs that are kept.", labels=("kind", "state"))
    for kind in get_args(Kind):
        for state in get_args(State):
            states.add_metric((kind, state), counted[kind, state])
    yield states
    waited = jobs.queue_age(conn)
    yield _gauge(
        "listenwell_jobs_oldest_queued_seconds", "How long the oldest file has waited for a worker.", waited
    )


def _events(conn: sa.Connection) -> Iterator[GaugeMetricFamily]:
    backlog = delivery_repository.backlog(conn)
    yield _gauge("listenwell_events_waiting", "Deliveries still to be made.", backlog.waiting)
    yield _gauge("listenwell_events_retried", "Those that a webhook has not taken so far.", backlog.retried)
    yield _gauge("listenwell_events_given_up", "Deliveries given up in the last days.", backlog.given_up)
    yield _gauge("listenwell_events_oldest_seconds", "Age of the oldest event that waits.", backlog.oldest)
    hooks = GaugeMetricFamily("listenwell_webhooks", "Webhooks.", labels=("state",))
    for state, number in webhook_repository.census(conn).items():
        hooks.add_metric((state,), number)
    yield hooks


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value)
