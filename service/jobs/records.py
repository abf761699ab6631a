"""What is known of a job (`Job`), what was asked of it (`Options`), and what became of a row (`Item`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import models

Kind = Literal["upload", "backfill", "rescore"]
State = Literal["queued", "running", "done", "failed", "cancelled"]
ACTIVE: tuple[State, ...] = ("queued", "running")
ERASED = "erased"
"""The code of a row that was erased, itself or its customer, after the job was sent."""
FILE_CHANGED = "file_changed"
REJECTED = "rejected"
"""Where a rejected row that is given back says why; it may be sent again with it."""
OUTCOMES = ("created", "replayed", "replaced", "failed")


class LeaseLost(models.ListenwellError):
    """Somebody else has the job now, or it was cancelled: nothing more of it may be written from here."""

    code = "lease_lost"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the rows of a file become comments.

    `columns` maps fields to columns, `touchpoint` is that of rows that name none, and a row without an id gets
    the id IDS-ROW, counted from 1.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    touchpoint: str | None = None
    ids: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As kept with the job."""
        return {"columns": dict(self.columns), "touchpoint": self.touchpoint, "ids": self.ids}

    def complete(self, row: object, number: int) -> object:
        """The row with what the options add; `number` counts from 1."""
        if isinstance(row, dict):
            if isinstance(row.get(REJECTED), dict):
                del row[REJECTED]
            if self.touchpoint is not None and row.get("touchpoint") is None:
                row["touchpoint"] = self.touchpoint
            if self.ids is not None and row.get("id") is None:
                row["id"] = f"{self.ids}-{number}"
        return row


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job to be. `digest` is the SHA-256 (hex) of its content and options: equal ones ask for the same."""

    id: str
    tenant: str
    kind: Kind
    name: str
    source: str
    options: dict[str, Any]
    digest: str
    idempotency_key: str | None = None
    key_id: str | None = None
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class Job(NewJob):
    """A job as kept. `position` rows are committed; `rate` is rows a second of late; times are the database's.

    `lapsed` says that nobody holds it now: there is no lease, or its time is over.
    """

    key: int
    state: State
    position: int
    created: int
    replayed: int
    replaced: int
    failed: int
    rate: float | None
    attempts: int
    error_code: str | None
    error_detail: str | None
    owner: str | None
    lease_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rejects_until: datetime | None
    lapsed: bool

    @property
    def active(self) -> bool:
        """Whether there is still something to do."""
        return self.state in ACTIVE

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what became of them."""
        return {name: getattr(self, name) for name in OUTCOMES}


@dataclass(frozen=True)
class Item:
    """What became of one row; `place` counts from 0. Either `outcome` is given or `code`."""

    place: int
    comment_id: str | None = None
    outcome: str | None = None
    code: str | None = None
    field: str | None = None
    detail: str | None = None

    def error(self) -> dict[str, Any]:
        """The error object of the contract."""
        return {
            "id": self.comment_id,
            "index": self.place,
            "code": self.code,
            "field": self.field,
            "detail": self.detail,
        }
