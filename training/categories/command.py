"""What `listenwell train --taxonomy my-categories.toml` does, and how it says so."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.categorized import read_categorized
from models.categories import OwnCategories, read_categories
from training.categories.lessons import Lessons, Stage, choose_stage, lessons_of
from training.config import read_config
from training.data import once
from training.loop import Report
from training.run import Say

CONFIG = Path(__file__).parents[1] / "runs" / "categories.toml"


def train_own(
    taxonomy: Path,
    data: Sequence[Path],
    config_file: Path | None,
    stage: Stage | None,
    output: Path,
    *,
    say: Say,
    report: Report,
) -> str:
    """Read everything, choose the stage and make the model; returns its version.

    Raises `TaxonomyError` and `InputError` naming the file and what is wrong in it.
    """
    from training.categories.run import train_categories  # torch: not where a file is refused

    own, config = read_categories(taxonomy), read_config(config_file or CONFIG)
    lessons, files = _read(own, taxonomy, data)
    chosen, why = choose_stage(lessons, stage)
    return train_categories(
        own.taxonomy, lessons, output, config, stage=chosen, why=why, files=files, say=say, report=report
    )


def _read(own: OwnCategories, taxonomy: Path, data: Sequence[Path]) -> tuple[Lessons, list[dict[str, Any]]]:
    parts = once([read_categorized(path, own.taxonomy, learnt=True) for path in data])
    lessons = lessons_of(own, [comment for part in parts for comment in part])
    in_file = len(lessons.comments) - sum(map(len, parts))
    counted = [(taxonomy, in_file), *zip(data, map(len, parts), strict=True)]
    return lessons, [
        {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "comments": n}
        for path, n in counted
    ]
