"""What is kept of a comment: `CommentRecord` as it came in, `StoredComment` with what was made of it."""

import json
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

from service.corrections.correction import Correction
from service.corrections.in_force import in_force

Outcome = Literal["created", "replayed", "replaced"]
Metadata = dict[str, str | int | float | bool | None]


@dataclass(frozen=True, kw_only=True)
class CommentRecord:
    """A comment that has been checked: all values are in the contract's limits.

    `occurred_at` is aware; where the client gave none it is the time of arrival and `occurred_at_given` is
    false. `ces` is as the client sent it, whatever the direction of the scale.
    """

    tenant: str = "default"
    id: str
    text: str
    question: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    language: str | None = None
    occurred_at: datetime
    occurred_at_given: bool = True
    nps: int | None = None
    csat: int | None = None
    ces: int | None = None
    customer_id: str | None = None
    metadata: Metadata = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all that the client sent, as canonical JSON: equal digests are a replay.

        A time of arrival is not part of it, so that a comment without a time can be replayed.
        """
        sent = {
            "id": self.id,
            "text": self.text,
            "question": self.question,
            "touchpoint": self.touchpoint,
            "channel": self.channel,
            "language": self.language,
            "occurred_at": self.occurred_at.astimezone(UTC).isoformat() if self.occurred_at_given else None,
            "scores": [self.nps, self.csat, self.ces],
            "customer_id": self.customer_id,
            "metadata": self.metadata,
        }
        canonical = json.dumps(sent, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return sha256(canonical.encode("ascii")).hexdigest()


RECORD_FIELDS = tuple(part.name for part in fields(CommentRecord))
"""Each is a column of the table as well."""


@dataclass(frozen=True, slots=True)
class StoredTouchpoint:
    """A touchpoint that a comment counts under; `inferred` if the words told it and not the client."""

    id: str
    inferred: bool


@dataclass(frozen=True)
class StoredComment:
    """A comment as kept: `analysis` is the contract's JSON object, `received_at` when this content came.

    `analysis` is the model's word, `corrections` are people's, the first first; `corrected` is what came of them.
    """

    # Where it lies, which is no part of what it is.
    key: int = field(compare=False)
    record: CommentRecord
    received_at: datetime
    analysis: dict[str, Any]
    touchpoints: tuple[StoredTouchpoint, ...]
    corrected: dict[str, Any] | None = None
    corrections: tuple[Correction, ...] = ()

    @property
    def counted(self) -> dict[str, Any]:
        """What the metrics count: the analysis, or what is in force in its place."""
        return self.analysis if self.corrected is None else self.corrected

    @property
    def labels(self) -> dict[str, Any]:
        """The labels in force, each with who said so (see `service.corrections.in_force`)."""
        return self.corrected or in_force(self.analysis, ())


@dataclass(frozen=True, slots=True)
class Outdated:
    """A comment whose analysis is of another model than the one in force, as it was when it was read."""

    key: int
    record: CommentRecord
    digest: str
    version: str
