"""What is known of the model in force without loading it: its version, words, thresholds and error rates.

A command that tags nothing needs this and not the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import models
from models.heads import Calibration
from models.loading import facts_of


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
    facts = facts_of(name)
    artifact = facts.artifact
    return ModelInForce(
        # A folder's path is nobody's business outside.
        name=artifact.path.name if artifact else name,
        version=facts.version,
        taxonomy=facts.taxonomy,
        calibration=facts.calibration,
        thresholds=facts.thresholds,
        card=artifact.json("card.json") if artifact and (artifact.path / "card.json").exists() else None,
    )
