"""The shapes of answers about jobs, for the OpenAPI document, and the JSON of a job."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from service.answers import ItemError, rfc3339
from service.jobs.records import Job, Kind, State


class Counts(BaseModel):
    """Rows by what became of them; together they are `position`."""

    created: int
    replayed: int
    replaced: int
    failed: int


class JobError(BaseModel):
    """Why a job failed, or why it is tried again."""

    code: str = Field(description="Stable, for programs.")
    detail: str


class JobOut(BaseModel):
    """A job: a file of comments on its way into the store."""

    id: str
    kind: Kind
    state: State
    name: str = Field(description="The file's name as it was sent.")
    position: int = Field(description="Rows that are done; those before it are stored or listed as errors.")
    total: int | None = Field(description="Rows of the file; null until they were counted.")
    counts: Counts
    rate: float | None = Field(description="Rows a second of late; null while nobody works on it.")
    eta_seconds: int | None = Field(description="At this rate; null where that cannot be told.")
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rejects_until: datetime | None = Field(description="Until when its rejected rows can be fetched.")
    kept_until: datetime | None = Field(description="When an ended job is removed; its comments stay.")


class JobPage(BaseModel):
    """Jobs, newest first; `next_cursor` asks for those before them."""

    jobs: list[JobOut]
    next_cursor: str | None


class JobErrors(BaseModel):
    """Rows that could not be stored, in their order; `index` counts the file's rows from 0."""

    errors: list[ItemError]
    next_cursor: str | None


def job_json(job: Job, keep_days: int) -> dict[str, Any]:
    """A job as JSON."""
    rate = job.rate if job.state == "running" and not job.lapsed else None
    ended = job.finished_at
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "name": job.name,
        "position": job.position,
        "total": job.total,
        "counts": job.counts,
        "rate": None if rate is None else round(rate, 1),
        "eta_seconds": round(max(job.total - job.position, 0) / rate)
        if rate and job.total is not None
        else None,
        "error": {"code": job.error_code, "detail": job.error_detail} if job.error_code else None,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at) if job.started_at else None,
        "finished_at": rfc3339(ended) if ended else None,
        "rejects_until": rfc3339(job.rejects_until) if job.rejects_until else None,
        "kept_until": rfc3339(ended + timedelta(days=keep_days)) if ended else None,
    }
