"""What Prometheus is told of requests: how many by route template, their latency and the model's, the comments.

Templates and not paths, and no tenant, id or key, so that the number of series is bounded whoever asks for what.
Where several processes serve (PROMETHEUS_MULTIPROC_DIR, which `listenwell serve` sets), each answers for all. What is
known of the store is in `service/gauges.py`.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import quote

import prometheus_client
from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("listenwell.access")

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_REQUESTS = prometheus_client.Counter(
    "listenwell_http_requests", "Requests answered.", ("method", "route", "status")
)
_SECONDS = prometheus_client.Histogram(
    "listenwell_http_request_seconds",
    "Time from the first byte of a request to the last of its answer.",
    ("method", "route"),
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_COMMENTS = prometheus_client.Counter(
    "listenwell_comments", "Comments that came, by what came of them.", ("door", "status")
)
_MODEL_SECONDS = prometheus_client.Histogram(
    "listenwell_model_seconds",
    "Time that tagging the comments of one request takes, with the wait for the encoder.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_MODEL_COMMENTS = prometheus_client.Histogram(
    "listenwell_model_comments",
    "Comments that one request gives to the model.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
_PROBES = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Instruments:
    """ASGI middleware that counts, times and logs requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; look at the status and the clock."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", None) or "none"
            seconds = time.perf_counter() - start
            _requests(method, route, status).inc()
            _seconds(method, route).observe(seconds)
            if scope["path"] not in _PROBES:
                # Without the query, which may name a customer, and quoted, so that a line stays a line.
                log.info("%s %s %d %.1f ms", method, quote(scope["path"]), status, 1_000 * seconds)


# The library looks a series up by locks and joins; there are few, and they stay.
_requests = cache(_REQUESTS.labels)
_seconds = cache(_SECONDS.labels)
_comments = cache(_COMMENTS.labels)


def count(door: str, results: Sequence[dict[str, Any]], errors: int) -> None:
    """Count the comments of one batch, by the analyses of the good ones and the number of the others."""
    statuses = Counter("no_content" if result["no_content"] else result["status"] for result in results)
    statuses["refused"] += errors
    for status, number in statuses.items():
        _comments(door, status).inc(number)


@contextmanager
def model_pass(comments: int) -> Iterator[None]:
    """Time one call of the model."""
    start = time.perf_counter()
    yield
    _MODEL_SECONDS.observe(time.perf_counter() - start)
    _MODEL_COMMENTS.observe(comments)


def exposition(store: Collector) -> bytes:
    """All series in Prometheus' text format, summed over the processes that serve, and those of the store."""
    registry = prometheus_client.REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    stored = CollectorRegistry()
    stored.register(store)
    return prometheus_client.generate_latest(registry) + prometheus_client.generate_latest(stored)
