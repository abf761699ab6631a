"""What is known of the model in force without loading it: its version, words, thresholds and error rates.

An API process that hands the tagging to the encoder service needs this and not the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import models
from models.artifact import open_artifact
from models.heads import Calibration
from models.loading import DEFAULT
from models.taxonomy import from_dict

WEIGHTLESS = "weightless"


@dataclass(frozen=True)
class ModelInForce:
    """The model that tags new comments. `card` is None for a model that brings none."""

    name: str
    version: str
    taxonomy: models.Taxonomy
    calibration: Calibration
    thresholds: Mapping[str, float]
    card: Mapping[str, Any] | None


def model_in_force(name: str) -> ModelInForce:
    """Read about the model of this name or folder. Raises `ArtifactError` if it is not a sound one."""
    if name == WEIGHTLESS:
        pipeline = models.load(name)
        return ModelInForce(
            name, pipeline.version, pipeline.taxonomy, pipeline.calibration, pipeline.thresholds, None
        )
    artifact = open_artifact(DEFAULT if name == "default" else Path(name))
    return ModelInForce(
        # A folder's path is nobody's business outside.
        name=artifact.path.name,
        version=artifact.version,
        taxonomy=from_dict(artifact.json("taxonomy.json")),
        calibration=Calibration.from_dict(artifact.json("calibration.json")),
        thresholds=artifact.json("thresholds.json"),
        card=artifact.json("card.json") if (artifact.path / "card.json").exists() else None,
    )
