"""A file of a person's own categories (TOML): a taxonomy, and what may teach a model to find them.

    version = "shop-1"
    exclusive = false            # true: each comment has exactly one category
    [[categories]]
    id = "parking"
    name = "Parking"
    description = "Finding, paying for and reaching a parking place."
    examples = ["Nowhere to park on a Saturday"]          # may be left out
    counter_examples = ["The play park was lovely"]       # may be left out

Examples teach and are then forgotten: a model's taxonomy does not hold them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import taxonomy
from models.errors import TaxonomyError
from models.taxonomy import Taxonomy

_TEACHING = ("examples", "counter_examples")


@dataclass(frozen=True)
class OwnCategories:
    """The taxonomy of a file; texts that are (`examples`) and are not (`counter_examples`) of a category, by id."""

    taxonomy: Taxonomy
    examples: Mapping[str, tuple[str, ...]]
    counter_examples: Mapping[str, tuple[str, ...]]


def read_categories(path: Path) -> OwnCategories:
    """Read and check a file. Raises `TaxonomyError` naming the file, the category and what is wrong with it."""
    data = _read(path)
    if "categories" not in data:
        raise TaxonomyError(f"{path.name}: taxonomy: at least one [[categories]] must be there")
    try:
        return _own_categories(data)
    except TaxonomyError as error:
        raise TaxonomyError(f"{path.name}: {error.detail}") from error


def has_categories(path: Path) -> bool:
    """Whether a taxonomy file is one of categories, not of themes (a JSON file is one of themes).

    One without either is taken for one of categories, whose reader says what is missing. Raises `TaxonomyError` for
    one that cannot be read, and for categories in JSON.
    """
    if path.suffix != ".json":
        return "themes" not in _read(path)
    if taxonomy.load(path).categories:
        raise TaxonomyError(f"{path.name}: categories are written in a TOML file, see models/categories.py")
    return False


def _read(path: Path) -> dict[str, Any]:
    try:
        # Some editors begin a file with a mark of its encoding.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TaxonomyError(f"{path.name}: cannot be read: {error}") from error


def _own_categories(data: dict[str, Any]) -> OwnCategories:
    entries = data["categories"]
    plain = data
    if isinstance(entries, list):
        plain = data | {"categories": [_without_teaching(entry) for entry in entries]}
    found = taxonomy.from_dict(plain)
    texts = {
        key: {entry["id"]: _texts(entry, key) for entry in entries if entry.get(key)} for key in _TEACHING
    }
    for id, examples in texts["examples"].items():
        both = set(examples) & set(texts["counter_examples"].get(id, ()))
        if both:
            raise TaxonomyError(f"category {id}: a text is both an example and a counter-example")
    return OwnCategories(found, texts["examples"], texts["counter_examples"])


def _without_teaching(entry: Any) -> Any:
    return {k: v for k, v in entry.items() if k not in _TEACHING} if isinstance(entry, dict) else entry


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    texts = entry[key]
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise TaxonomyError(f"category {entry['id']}: {key} must be a list of strings that are not empty")
    return tuple(dict.fromkeys(texts))
