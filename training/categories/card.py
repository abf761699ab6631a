"""The papers of a model of a person's own categories: card.json for programs, card.md for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from evaluation.scores import f1
from models.artifact import write_json
from models.heads import Calibration
from models.taxonomy import Taxonomy
from training.categories.lessons import Lessons, Stage
from training.config import RunConfig

_TEMPLATE = Path(__file__).with_name("card.md.jinja")


def write_card(
    output: Path,
    *,
    version: str,
    tax: Taxonomy,
    lessons: Lessons,
    calibration: Calibration,
    stage: Stage,
    why: str,
    files: Sequence[dict[str, Any]],
    config: RunConfig,
    record: dict[str, Any],
) -> None:
    """Write both cards. No text of a comment stands in them."""
    card = {
        "version": version,
        "taxonomy_version": tax.version,
        "exclusive": tax.exclusive,
        "stage": stage,
        "why": why,
        "base": config.network.base,
        "licence": "Apache-2.0 (the encoder); the rest is yours",
        "language": "en",
        "data": list(files),
        "comments": len(lessons.comments),
        "categories": [
            {"id": c.id, "name": c.name, "comments": n, "f1": _f1(calibration, c.id)}
            for c, n in zip(tax.categories, lessons.support, strict=True)
        ],
        "temperature": calibration.temperature.get("category"),
        "config": config.to_dict(),
        "training": record,
    }
    write_json(output / "card.json", card)
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    (output / "card.md").write_text(template.render(card=card), encoding="utf-8")


def _f1(calibration: Calibration, id: str) -> float | None:
    counted = calibration.errors.get(id)
    if not counted or not counted["tp"] + counted["fp"] + counted["fn"]:
        return None
    return round(float(f1(counted["tp"], counted["fp"], counted["fn"])), 3)
