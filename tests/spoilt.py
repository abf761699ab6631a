"""Copies of a model folder with something changed, sealed anew: sound models of other versions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.artifact import seal, write_json


def changed(source: Path, folder: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """A copy of a model in which one JSON file is what `change` makes of it."""
    shutil.copytree(source, folder)
    write_json(folder / name, change(json.loads((folder / name).read_text(encoding="utf-8"))))
    seal(folder)
    return folder


def with_thresholds(source: Path, folder: Path, threshold: float) -> Path:
    """A copy of a model that decides at another threshold, the same for all labels."""
    return changed(source, folder, "thresholds.json", lambda found: dict.fromkeys(found, threshold))
