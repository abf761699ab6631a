"""Which comments are asked for, and where a page of them ends: `Filters`, `Where`, `Page` and the `Cursor` between."""

import base64
import binascii
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from models.errors import InputError
from models.taxonomy import Kind
from service.corrections.in_force import KINDS
from service.records import StoredComment

Empathy = Literal["expressed", "caring", "uncaring", "none"]
MAX_QUERY = 200
"""Code points of a search text."""
_MAX_KEY = 2**63
_FIELD = re.compile(r'channel|language|metadata\.[^"\\\x00-\x1f]{1,64}')
_MAX_VALUE = 1_000
# In quotes as keyboards and phones write them; one that is not closed is none.
_WORDS = re.compile(r'["“„”]([^"“„”]+)["“”]|([^\s"“„”]+)')


def segment_field(parameter: str, field: str) -> str:
    """A field that comments can be parted by. Raises `InputError` "invalid_value" naming the parameter."""
    if not _FIELD.fullmatch(field):
        raise InputError(f"{parameter}: must be channel, language or metadata.<field>", code="invalid_value")
    return field


class Where(NamedTuple):
    """A segment: the comments with this value in a field ("channel", "language", or "metadata." and a name)."""

    field: str
    value: str

    @classmethod
    def of(cls, parameter: str, given: str | None) -> "Where | None":
        """From FIELD=VALUE, like metadata.region=north. Raises `InputError` "invalid_value" naming the parameter."""
        if given is None:
            return None
        field, sign, value = given.partition("=")
        if not sign or not 0 < len(value) <= _MAX_VALUE or "\0" in value:
            raise InputError(f"{parameter}: must be like channel=phone", code="invalid_value")
        return cls(segment_field(parameter, field), value)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """All that are given must hold. A `touchpoint` is one that the comment counts under, or "*" for all.

    `from_` and `to` are days in UTC of `occurred_at`, `to` exclusive. `empathy="none"` is: analysed, and
    nothing said of it. Each word of `q` is found anywhere in the text, whatever the case, and what stands in quotes as
    it is. Raises `InputError` (`invalid_value`) if `q` is too long.
    """

    touchpoint: str | None = None
    issue: str | None = None
    strength: str | None = None
    category: str | None = None
    sentiment: str | None = None
    empathy: Empathy | None = None
    from_: date | None = None
    to: date | None = None
    q: str | None = None
    where: Where | None = None

    @property
    def labels(self) -> list[tuple[Kind, str]]:
        """The labels that are asked for, with what each is."""
        return [(kind, label) for kind, _ in KINDS if (label := getattr(self, kind)) is not None]

    def labelled(self, kind: Kind, label: str) -> "Filters":
        """The same, with a label beside."""
        asked: dict[str, Any] = {kind: label}
        return replace(self, **asked)

    @property
    def words(self) -> list[str]:
        """What must all be in the text: the words of `q`, and its phrases in quotes."""
        return [phrase or word for phrase, word in _WORDS.findall(self.q or "")]

    def __post_init__(self) -> None:
        if self.q is not None and len(self.q) > MAX_QUERY:
            raise InputError(f"q: at most {MAX_QUERY} characters, got {len(self.q)}", code="invalid_value")


class Cursor(NamedTuple):
    """The last comment, correction or job of a page; the next page goes on behind it."""

    occurred_at: datetime
    key: int

    def encode(self) -> str:
        """As clients see it: opaque, URL-safe."""
        plain = f"{self.occurred_at.isoformat()} {self.key}"
        return base64.urlsafe_b64encode(plain.encode("ascii")).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, token: str) -> "Cursor":
        """Raises `InputError` (`invalid_cursor`) for anything that `encode` did not make."""
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            time, key = base64.urlsafe_b64decode(padded).decode("ascii").split(" ")
            # All that is kept is in UTC; another zone could also lead out of the years that there are.
            cursor = cls(datetime.fromisoformat(time).astimezone(UTC), int(key))
            if not 0 <= cursor.key < _MAX_KEY or cursor.encode() != token:
                raise ValueError(token)
        except (ValueError, OverflowError, binascii.Error) as error:
            raise InputError("cursor: not one that this service gave", code="invalid_cursor") from error
        return cursor


@dataclass(frozen=True)
class Page:
    """Comments, newest first, and the cursor of the next page, if there is one."""

    comments: list[StoredComment] = field(default_factory=list)
    next_cursor: str | None = None
