"""From raw JSON to `CommentRecord`s: the one place where a comment that comes in is judged.

Every limit of the public contract stands here. A bad item becomes an item error with a stable `code`, the
`field` at fault and a sentence for a person; it never spoils the others, and no message holds a comment's text.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

import models
from models.masking.masker import Masker
from service.faults import fault_of
from service.privacy.masking import mask
from service.records import CommentRecord

MAX_ID = 128
MAX_CHANNEL = 64
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 500
MAX_AHEAD = timedelta(hours=24)
"""How far a client's clock may run ahead of ours."""
TOUCHPOINT = r"^[a-z0-9][a-z0-9._-]{0,63}$"
LANGUAGE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _whole(value: object) -> object:
    """7.0 is the integer 7, as in JSON Schema; true is not 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _storable(value: object) -> object:
    """What PostgreSQL and UTF-8 can hold: all but U+0000 and lone surrogates."""
    if isinstance(value, str):
        if "\0" in value:
            raise PydanticCustomError("invalid_text", "must not contain the character U+0000")
        if not _is_unicode(value):
            raise PydanticCustomError("invalid_text", "holds a lone surrogate, which is no character")
    return value


def _is_unicode(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _moment(value: object, info: ValidationInfo) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise PydanticCustomError("invalid_type", "must be a string")
    moment = _parse(value)
    if moment is None or moment < _EARLIEST:
        raise PydanticCustomError(
            "invalid_date", "must be an RFC 3339 time with its zone, from 1970 on, like 2026-11-20T09:12:00Z"
        )
    arrived: datetime = info.context  # type: ignore[assignment]
    if moment > arrived + MAX_AHEAD:
        raise PydanticCustomError("date_in_future", "lies more than 24 hours in the future")
    return moment


def _parse(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC) if _RFC_3339.fullmatch(value) else None
    except (ValueError, OverflowError):
        return None


def _flat(value: object) -> object:
    for key, part in value.items() if isinstance(value, dict) else ():
        name = {"key": ascii(key)[1:-1][:MAX_METADATA_KEY]}
        if isinstance(part, dict | list):
            raise PydanticCustomError("invalid_type", "must be flat: {key} is nested", name)
        if isinstance(part, float) and not isfinite(part):
            raise PydanticCustomError("invalid_value", "{key} must be a finite number", name)
    return value


_Text = Annotated[str, StringConstraints(max_length=models.MAX_TEXT), BeforeValidator(_storable)]
_Question = Annotated[str, StringConstraints(max_length=models.MAX_QUESTION), BeforeValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An id of a comment or a customer."""
_NAME = TypeAdapter(Name, config=ConfigDict(strict=True))
_Key = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_METADATA_KEY, pattern=r"^[^\x00-\x1f\x7f]+$")
]
_Value = (
    Annotated[str, StringConstraints(max_length=MAX_METADATA_VALUE), BeforeValidator(_storable)]
    | bool
    | int
    | float
    | None
)


def _score(low: int, high: int) -> Any:
    return Annotated[int, BeforeValidator(_whole), Field(ge=low, le=high)] | None


def names_in(values: Iterable[object]) -> list[str]:
    """Those of the values that can be an id, each once."""
    found: dict[str, None] = {}
    for value in values:
        with suppress(ValidationError):
            found[_NAME.validate_python(value)] = None
    return list(found)


class ScoresIn(BaseModel):
    """What the customer answered in numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    nps: _score(0, 10) = None  # type: ignore[valid-type]
    csat: _score(1, 5) = None  # type: ignore[valid-type]
    ces: _score(1, 7) = None  # type: ignore[valid-type]


class CommentIn(BaseModel):
    """A comment as the public contract has it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: _Text
    id: Name | None = None
    question: _Question | None = None
    touchpoint: Annotated[str, StringConstraints(pattern=TOUCHPOINT)] | None = None
    channel: (
        Annotated[str, StringConstraints(max_length=MAX_CHANNEL, pattern=r"^[^\x00-\x1f\x7f]*$")] | None
    ) = None
    language: Annotated[str, StringConstraints(max_length=64, pattern=LANGUAGE)] | None = None
    occurred_at: Annotated[datetime | None, BeforeValidator(_moment)] = None
    scores: ScoresIn | None = None
    customer_id: Name | None = None
    metadata: (
        Annotated[dict[_Key, _Value], BeforeValidator(_flat), Field(max_length=MAX_METADATA_KEYS)] | None
    ) = None


@dataclass(frozen=True)
class Accepted:
    """A good item and its place among those that came; `masked` is None where nothing was to be masked."""

    index: int
    record: CommentRecord
    masked: tuple[models.Mask, ...] | None = None


@dataclass
class Intake:
    """What came of a batch: the good items in order, and an error for each of the others."""

    accepted: list[Accepted] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def take(
    items: Sequence[object],
    *,
    tenant: str,
    arrived: datetime,
    masker: Masker | None = None,
    needs_id: bool = True,
    seen: set[str] | None = None,
) -> Intake:
    """Judge a batch of raw items; an item that is a `CommentError` already stays one.

    What `masker` finds in text and question is masked here, before anybody else sees the record. An item without
    `occurred_at` gets `arrived`. With `needs_id` an item without an id is refused, and so is
    the second use of an id; `seen` carries the ids already used from one batch of a file to the next.
    """
    intake = Intake()
    seen = set() if seen is None else seen
    for index, item in enumerate(items):
        try:
            record = _record(item, tenant, arrived)
            if needs_id:
                _claim(record.id, seen)
        except models.CommentError as error:
            intake.errors.append(item_error(item, index, error))
        else:
            intake.accepted.append(Accepted(index, *mask(record, masker)))
    return intake


def item_error(item: object, index: int, error: models.CommentError) -> dict[str, Any]:
    """The error object of the contract; the id is echoed only where it is a sound one."""
    name = item.get("id") if isinstance(item, dict) else None
    sound = isinstance(name, str) and 0 < len(name) <= MAX_ID and _is_unicode(name)
    return {
        "id": name if sound else None,
        "index": index,
        "code": error.code,
        "field": error.field,
        "detail": error.detail,
    }


def _record(item: object, tenant: str, arrived: datetime) -> CommentRecord:
    if isinstance(item, models.CommentError):
        raise item
    if not isinstance(item, dict):
        raise models.CommentError("a comment must be a JSON object", code="invalid_type", field="")
    try:
        comment = CommentIn.model_validate(item, context=arrived)
    except ValidationError as error:
        raise fault_of(error, item) from None
    scores = comment.scores or ScoresIn()
    return CommentRecord(
        tenant=tenant,
        id=comment.id or "",
        text=comment.text,
        question=comment.question,
        touchpoint=comment.touchpoint,
        channel=comment.channel,
        language=comment.language,
        occurred_at=comment.occurred_at or arrived,
        occurred_at_given=comment.occurred_at is not None,
        nps=scores.nps,
        csat=scores.csat,
        ces=scores.ces,
        customer_id=comment.customer_id,
        metadata=comment.metadata or {},
    )


def _claim(name: str, seen: set[str]) -> None:
    if not name:
        raise models.CommentError("id: is needed to store a comment", code="missing_field", field="id")
    if name in seen:
        raise models.CommentError("id: was used before in this batch", code="duplicate_id", field="id")
    seen.add(name)
