"""Which column of a file is which field of a comment."""

from collections.abc import Iterable, Mapping
from typing import Any

import models

SCORES = ("nps", "csat", "ces")
METADATA = "metadata."
_PLAIN = ("id", "text", "question", "touchpoint", "channel", "language", "occurred_at", "customer_id")
# Where a comment has an object, a column holds one value: "nps" or "scores.nps", "metadata.region".
FLAT = frozenset((*_PLAIN, *SCORES, *(f"scores.{score}" for score in SCORES)))
WHOLE = frozenset((*_PLAIN, "scores", "metadata"))


class Columns:
    """A map from fields to columns; a column that no field maps to is the field of its own name.

    `option` is how the person who gave the map gave it, for the errors.
    """

    def __init__(self, mapping: Mapping[str, str], option: str = "--map") -> None:
        self.option = option
        for name in mapping:
            if not is_field(name):
                raise models.InputError(
                    f"{option} {name}: comments have no such field; there are {', '.join(sorted(_PLAIN))}, "
                    f"{', '.join(SCORES)} and metadata.NAME",
                    code="unknown_field",
                )
        self.mapping = dict(mapping)
        self.fields = {column: name for name, column in mapping.items()}

    def field(self, column: str) -> str:
        """The field that a column holds."""
        return self.fields.get(column, column)

    def check(self, header: Iterable[str], file: str, allowed: frozenset[str] = FLAT) -> None:
        """Raises `InputError`: "invalid_header" or "unknown_field", naming what was found and the remedy."""
        names = list(header)
        found = ", ".join(f'"{_short(name)}"' for name in names) or "nothing"
        fields = [self.field(name) for name in names]
        absent = [column for column in self.mapping.values() if column not in names]
        if absent:
            raise _header(
                f'{file}: no column "{_short(absent[0])}", which {self.option} names; found {found}'
            )
        twice = {name for name in fields if fields.count(name) > 1}
        if twice:
            raise _header(f"{file}: several columns for {_short(min(twice))}; found {found}")
        if "text" not in fields:
            raise _header(
                f"{file}: no column for the text; found {found}. Name it with {self.option} text=COLUMN"
            )
        if "" in names:
            raise _header(f"{file}: column {names.index('') + 1} has no name; name it or leave it out")
        unknown = [name for name in names if not is_field(self.field(name), allowed)]
        if unknown:
            name = _short(unknown[0])
            raise models.InputError(
                f'{file}: comments have no field "{name}". Keep the column with {self.option} metadata.{name}={name}, '
                "or leave it out of the file",
                code="unknown_field",
            )

    def shape(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A comment from a row: columns renamed, scores and metadata gathered into their objects."""
        comment: dict[str, Any] = {}
        gathered: dict[str, dict[str, Any]] = {"scores": {}, "metadata": {}}
        for column, value in row.items():
            name = self.field(column)
            if name in SCORES or name.startswith("scores."):
                gathered["scores"][name.removeprefix("scores.")] = value
            elif name.startswith(METADATA):
                gathered["metadata"][name.removeprefix(METADATA)] = value
            else:
                comment[name] = value
        for name, values in gathered.items():
            if values and isinstance(comment.get(name) or {}, dict):
                comment[name] = (comment.get(name) or {}) | values
        return comment


def is_field(name: str, allowed: frozenset[str] = FLAT) -> bool:
    """Whether a column of this name can be put into a comment."""
    return name in allowed or (name.startswith(METADATA) and len(name) > len(METADATA))


def _short(name: str) -> str:
    return ascii(name)[1:-1][:60]


def _header(detail: str) -> models.InputError:
    return models.InputError(detail, code="invalid_header")
