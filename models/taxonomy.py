"""The taxonomy as data: themes with their issues and strengths, touchpoints, intents (`taxonomy.toml`).

Or a person's own categories and nothing else; `categories.py` reads the file that such a person writes.
"""

import json
import re
import tomllib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from models.errors import TaxonomyError

Polarity = Literal["issue", "strength"]
Kind = Literal["issue", "strength", "category"]
"""What a label can be."""
DEFAULT = Path(__file__).with_name("taxonomy.toml")
_SLUG = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Label:
    """An issue or a strength: one theme at one polarity. `id` is what clients see."""

    id: str
    name: str
    theme: str
    polarity: Polarity


@dataclass(frozen=True, slots=True)
class Theme:
    """One dimension of customer experience."""

    key: str
    name: str
    description: str
    issue: Label
    strength: Label


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """One place in the customer's journey."""

    key: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Category:
    """One of a person's own categories; it has no polarity."""

    id: str
    name: str
    description: str


@dataclass(frozen=True)
class Taxonomy:
    """All that can be said of a comment, in the order of the model's outputs.

    One that has `categories` has no themes, touchpoints and intents. With `exclusive` each comment has exactly
    one category, else any number.
    """

    version: str
    themes: tuple[Theme, ...]
    touchpoints: tuple[Touchpoint, ...]
    intents: tuple[str, ...]
    categories: tuple[Category, ...] = ()
    exclusive: bool = False

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Issues in theme order, then strengths in theme order."""
        return tuple(t.issue for t in self.themes) + tuple(t.strength for t in self.themes)

    @cached_property
    def by_id(self) -> dict[str, Label]:
        """The labels by their id."""
        return {label.id: label for label in self.labels}

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What each label is, by its id: issues, strengths, then categories."""
        found: dict[str, Kind] = {label.id: label.polarity for label in self.labels}
        return found | dict.fromkeys((category.id for category in self.categories), "category")

    def to_dict(self) -> dict[str, Any]:
        """As `from_dict` reads it; without categories, nothing is said of them."""
        data = asdict(self)
        return data if self.categories else {key: data[key] for key in data if key not in _OWN}

    def to_json(self) -> str:
        """As stored in an artifact."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"


def from_dict(data: dict[str, Any]) -> Taxonomy:
    """Build and check a taxonomy. Raises `TaxonomyError` naming the entry that is wrong."""
    if "categories" in data:
        return _of_categories(data)
    try:
        themes = tuple(_theme(entry) for entry in data["themes"])
        taxonomy = Taxonomy(
            version=str(data["version"]),
            themes=themes,
            touchpoints=tuple(Touchpoint(**entry) for entry in data["touchpoints"]),
            intents=tuple(data["intents"]),
        )
    except (KeyError, TypeError) as error:
        raise TaxonomyError(f"taxonomy: missing or unknown entry: {error}") from error
    ids = [label.id for label in taxonomy.labels] + [t.key for t in taxonomy.touchpoints]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise TaxonomyError(f"taxonomy: id used twice: {', '.join(twice)}")
    return taxonomy


def load(path: Path = DEFAULT) -> Taxonomy:
    """Read a taxonomy from a TOML or JSON file. Raises `TaxonomyError`, also for a file that is not one."""
    try:
        # Some editors begin a file with a mark of its encoding.
        text = path.read_text(encoding="utf-8-sig")
        return from_dict(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise TaxonomyError(f"taxonomy {path.name}: {error}") from error


_OWN = ("categories", "exclusive")


def _of_categories(data: dict[str, Any]) -> Taxonomy:
    beside = [key for key in ("themes", "touchpoints", "intents") if data.get(key)]
    unknown = sorted(set(data) - {"version", "themes", "touchpoints", "intents", *_OWN})
    if beside or unknown:
        raise TaxonomyError(f"taxonomy: {', '.join(beside or unknown)} cannot stand beside categories")
    version, exclusive, entries = data.get("version"), data.get("exclusive", False), data["categories"]
    if not isinstance(version, str) or not version.strip():
        raise TaxonomyError("taxonomy: version must be a string that is not empty")
    if not isinstance(exclusive, bool):
        raise TaxonomyError("taxonomy: exclusive must be true or false")
    if not isinstance(entries, list | tuple) or len(entries) < 1 + exclusive:
        raise TaxonomyError(f"taxonomy: at least {1 + exclusive} [[categories]] must be there")
    categories = tuple(_category(entry, place) for place, entry in enumerate(entries, start=1))
    ids = [category.id for category in categories]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise TaxonomyError(f"taxonomy: category id used twice: {', '.join(twice)}")
    return Taxonomy(version, (), (), (), categories=categories, exclusive=exclusive)


def _category(entry: Any, place: int) -> Category:
    where = f"taxonomy: category {place}"
    if not isinstance(entry, dict):
        raise TaxonomyError(f"{where} must be a table")
    id = entry.get("id")
    if not isinstance(id, str) or len(id) > 64 or not _SLUG.fullmatch(id):
        raise TaxonomyError(
            f"{where}: id must be 1 to 64 of a-z, 0-9 and single . _ - between them, such as late_delivery"
        )
    unknown = sorted(set(entry) - {"id", "name", "description"})
    if unknown:
        raise TaxonomyError(f"{where} ({id}): unknown entry {', '.join(unknown)}")
    texts = {"name": entry.get("name", id), "description": entry.get("description")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise TaxonomyError(f"{where} ({id}): {key} must be a string that is not empty")
    return Category(id=id, **texts)


def _theme(entry: dict[str, Any]) -> Theme:
    key = entry["key"]

    def label(polarity: Polarity) -> Label:
        return Label(id=entry[polarity]["id"], name=entry[polarity]["name"], theme=key, polarity=polarity)

    return Theme(
        key=key,
        name=entry["name"],
        description=entry["description"],
        issue=label("issue"),
        strength=label("strength"),
    )
