"""Which column of a file is which field of a comment."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import models
from service.packed import BrokenLineError

SCORES = ("nps", "csat", "ces")
METADATA = "metadata."
_PLAIN = ("id", "text", "question", "touchpoint", "channel", "language", "occurred_at", "customer_id")
# Where a comment has an object, a column holds one value: "nps" or "scores.nps", "metadata.region".
FLAT = frozenset((*_PLAIN, *SCORES, *(f"scores.{score}" for score in SCORES)))
WHOLE = frozenset((*_PLAIN, "scores", "metadata"))


class Columns:
    """A map from fields to columns; a column that no field maps to is the field of its own name.

    One column may be several fields, such as the id and the customer's. `option` is how the person who gave the
    map gave it, for the errors.
    """

    def __init__(self, mapping: Mapping[str, str], option: str = "--map") -> None:
        self.option = option
        self.mapping = dict(mapping)
        self._names: dict[str, tuple[str, ...]] = {}
        for name, column in mapping.items():
            if not is_field(name):
                raise models.InputError(
                    f"{option} {name}: comments have no such field; there are {', '.join(sorted(_PLAIN))}, "
                    f"{', '.join(SCORES)} and metadata.NAME",
                    code="unknown_field",
                )
            if any(_full(name) in names for names in self._names.values()):
                raise models.InputError(
                    f"{option} {name}: is given twice, as {name.removeprefix('scores.')} and {_full(name)}",
                    code="duplicate_field",
                )
            self._names[column] = (*self._names.get(column, ()), _full(name))

    def names(self, column: str) -> tuple[str, ...]:
        """The fields that a column holds; a score by its full name, "scores.nps"."""
        return self._names.get(column) or (_full(column),)

    def check(self, header: Iterable[str], file: str, allowed: frozenset[str] = FLAT) -> None:
        """Raises `InputError`: "invalid_header" or "unknown_field", naming what was found and the remedy."""
        names = list(header)
        found = ", ".join(f'"{_short(name)}"' for name in names) or "nothing"
        fields = Counter(field for name in names for field in self.names(name))
        absent = [column for column in self.mapping.values() if column not in names]
        if absent:
            raise _header(
                f'{file}: no column "{_short(absent[0])}", which {self.option} names; found {found}'
            )
        if "" in names:
            raise _header(f"{file}: column {names.index('') + 1} has no name; name it or leave it out")
        twice = {name for name, number in fields.items() if number > 1}
        if twice:
            raise _header(f"{file}: several columns for {_short(min(twice))}; found {found}")
        if "text" not in fields:
            raise _header(
                f"{file}: no column for the text; found {found}. Name it with {self.option} text=COLUMN"
            )
        unknown = [name for name in names if not all(is_field(one, allowed) for one in self.names(name))]
        if unknown:
            name = _short(unknown[0])
            raise models.InputError(
                f'{file}: comments have no field "{name}". Keep the column with {self.option} metadata.{name}={name}, '
                "or leave it out of the file",
                code="unknown_field",
            )

    def shape(
        self, row: Mapping[str, Any], read: Callable[[str, Any], Any] | None = None
    ) -> dict[str, Any] | BrokenLineError:
        """A comment from a row: columns renamed, scores and metadata gathered into their objects.

        `read` makes a field's value of a cell, None where there is none. A row that gives a field twice is broken:
        nobody can tell which of the two is meant.
        """
        comment: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {"scores": {}, "metadata": {}}
        for column, cell in row.items():
            for name in self.names(column):
                value = read(name, cell) if read else cell
                whole, dot, part = name.partition(".")
                into, key = (parts[whole], part) if dot and whole in parts else (comment, name)
                if (value is not None or read is None) and not _put(into, key, value):
                    return _twice(name, row)
        for whole, values in parts.items():
            given = comment.get(whole) or {}
            if values and isinstance(given, dict):
                comment[whole] = given = dict(given)
                for part, value in values.items():
                    if not _put(given, part, value):
                        return _twice(f"{whole}.{part}", row)
        return comment


def is_field(name: str, allowed: frozenset[str] = FLAT) -> bool:
    """Whether a column of this name can be put into a comment."""
    return name in allowed or (name.startswith(METADATA) and len(name) > len(METADATA))


def _full(name: str) -> str:
    return f"scores.{name}" if name in SCORES else name


def _put(into: dict[str, Any], name: str, value: Any) -> bool:
    """False if there is a value already; null is none."""
    if value is not None and into.get(name) is not None:
        return False
    if value is not None or name not in into:
        into[name] = value
    return True


def _twice(name: str, row: Mapping[str, Any]) -> BrokenLineError:
    line = json.dumps(row, ensure_ascii=False, default=str)
    name = _short(name)
    return BrokenLineError(
        f"{name}: is given twice in the row; leave one of them out",
        code="duplicate_field",
        line=line,
        field=name,
    )


def _short(name: str) -> str:
    return ascii(name)[1:-1][:60]


def _header(detail: str) -> models.InputError:
    return models.InputError(detail, code="invalid_header")
