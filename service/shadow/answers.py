"""What `GET /v1/models/shadow` answers, and its shape."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from service.answers import rfc3339
from service.metrics.values import rounded
from service.shadow import repository
from service.statistics import wilson


class ChallengerOut(BaseModel):
    """A model that reads beside the one in force."""

    version: str
    since: datetime
    stopped: datetime | None = Field(description="Null while it reads.")


class ShareOut(BaseModel):
    """A share of the comments read, with Wilson's 95 % interval."""

    count: int
    rate: float | None
    ci95: tuple[float, float] | None


class LabelChanged(ShareOut):
    """Comments on which the two models differ about a label."""

    id: str
    gained: int = Field(description="With the label by the challenger alone.")
    lost: int = Field(description="With the label by the model in force alone.")


class ShadowOut(BaseModel):
    """Where the challenger differs from the model in force, on comments that came while both read."""

    challenger: ChallengerOut | None
    in_force: str
    comments: int = Field(description="Stored comments that both read.")
    changed: ShareOut = Field(description="Those with any label changed.")
    labels: list[LabelChanged] = Field(description="The most changed first.")


def shadow_report(conn: Connection, tenant: str, model_version: str) -> dict[str, Any]:
    """The challenger that reads, else the last that did, on one tenant's comments."""
    found = repository.newest(conn)
    if found is not None and found.tenant not in (None, tenant):
        found = None
    counts = repository.Counts(0, 0, {})
    if found is not None:
        counts = repository.counts(conn, found.key, tenant, model_version)
    labels = [
        {"id": label, "gained": gained, "lost": lost} | _share(gained + lost, counts.comments)
        for label, (gained, lost) in counts.labels.items()
    ]
    return {
        "challenger": found
        and {
            "version": found.version,
            "since": rfc3339(found.started_at),
            "stopped": found.stopped_at and rfc3339(found.stopped_at),
        },
        "in_force": model_version,
        "comments": counts.comments,
        "changed": _share(counts.changed, counts.comments),
        "labels": sorted(labels, key=lambda one: (-one["count"], one["id"])),
    }


def _share(count: int, n: int) -> dict[str, Any]:
    if not n:
        return {"count": count, "rate": None, "ci95": None}
    share = wilson(count, n)
    return {
        "count": count,
        "rate": rounded(share.value, 4),
        "ci95": [rounded(share.low, 4), rounded(share.high, 4)],
    }
