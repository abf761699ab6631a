"""What Prometheus is told: requests by route template, their latency, and comments by what came of them.

Templates and not paths, so that the number of series stays small. Where several processes serve
(PROMETHEUS_MULTIPROC_DIR, which BentoML sets), each answers for all.
"""

import os
import time
from collections import Counter

import prometheus_client
from prometheus_client import CollectorRegistry, multiprocess
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.analyse import Results

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
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Instruments:
    """ASGI middleware that counts and times requests."""

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
            _REQUESTS.labels(method, route, status).inc()
            _SECONDS.labels(method, route).observe(time.perf_counter() - start)


def count(door: str, results: Results) -> None:
    """Count the comments of one batch."""
    statuses = Counter(
        "no_content" if result["no_content"] else result["status"] for result in results.results
    )
    statuses["refused"] += len(results.errors)
    for status, number in statuses.items():
        _COMMENTS.labels(door, status).inc(number)


def exposition() -> bytes:
    """All series in Prometheus' text format, summed over the processes that serve."""
    registry = prometheus_client.REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus_client.generate_latest(registry)
