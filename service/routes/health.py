"""`/healthz` (the process lives), `/readyz` (it can answer), `/metrics` (Prometheus)."""

import sqlalchemy as sa
from fastapi import APIRouter, Response

from service.database import read
from service.gauges import Gauges
from service.instruments import CONTENT_TYPE, exposition
from service.problems import documented
from service.routes.given import Given

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process live?")
async def healthz() -> dict[str, str]:
    """Asks nothing of anybody else."""
    return {"status": "ok"}


@router.get("/readyz", responses=documented(503), summary="Can it answer?")
def readyz(parts: Given) -> dict[str, str]:
    """The model is loaded before the first request; the database is asked."""
    with read(parts.engine) as conn:
        conn.execute(sa.text("SELECT 1"))
    return {"status": "ok"}


@router.get("/metrics", response_class=Response, summary="Prometheus")
def metrics(parts: Given) -> Response:
    """Requests, latencies and comments, over all processes that serve; jobs, events and webhooks of all tenants."""
    return Response(exposition(Gauges(parts.engine)), media_type=CONTENT_TYPE)
