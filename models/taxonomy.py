"""The taxonomy as data: themes with their issues and strengths, touchpoints, intents (`taxonomy.toml`)."""

import json
import tomllib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from models.errors import TaxonomyError

Polarity = Literal["issue", "strength"]
DEFAULT = Path(__file__).with_name("taxonomy.toml")


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


@dataclass(frozen=True)
class Taxonomy:
    """All that can be said of a comment, in the order of the model's outputs."""

    version: str
    themes: tuple[Theme, ...]
    touchpoints: tuple[Touchpoint, ...]
    intents: tuple[str, ...]

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Issues in theme order, then strengths in theme order."""
        return tuple(t.issue for t in self.themes) + tuple(t.strength for t in self.themes)

    @cached_property
    def by_id(self) -> dict[str, Label]:
        """The labels by their id."""
        return {label.id: label for label in self.labels}

    def to_dict(self) -> dict[str, Any]:
        """As `from_dict` reads it."""
        return asdict(self)

    def to_json(self) -> str:
        """As stored in an artifact."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"


def from_dict(data: dict[str, Any]) -> Taxonomy:
    """Build and check a taxonomy. Raises `TaxonomyError` naming the entry that is wrong."""
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
        text = path.read_text(encoding="utf-8")
        return from_dict(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise TaxonomyError(f"taxonomy {path.name}: {error}") from error


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
