"""Open a model by name or folder: `load()`."""

from pathlib import Path
from typing import Literal

from models import taxonomy, weightless
from models.artifact import Artifact, open_artifact
from models.errors import ArtifactError, MissingExtraError
from models.heads import Calibration
from models.pipeline import Pipeline
from models.scorer import Scorer

Runtime = Literal["onnx", "torch"]
DEFAULT = Path(__file__).with_name("default")


def load(model: str | Path = "default", *, runtime: Runtime = "onnx", threads: int = 1) -> Pipeline:
    """Open the shipped model ("default"), the weightless one ("weightless") or a folder.

    `threads` is the number of cores one call may use. Raises `ArtifactError` if the folder is not a sound
    model, `MissingExtraError` if `runtime="torch"` and torch is not installed.
    """
    if model == "weightless":
        return _weightless()
    artifact = open_artifact(DEFAULT if model == "default" else Path(model))
    tax = taxonomy.from_dict(artifact.json("taxonomy.json"))
    return Pipeline(
        _scorer(artifact, runtime, threads),
        tax,
        version=artifact.version,
        calibration=Calibration.from_dict(artifact.json("calibration.json")),
        thresholds=artifact.json("thresholds.json"),
    )


def _weightless() -> Pipeline:
    tax = taxonomy.load()
    return Pipeline(
        weightless.WeightlessScorer(tax),
        tax,
        version=weightless.VERSION,
        calibration=weightless.CALIBRATION,
        thresholds={},
    )


def _scorer(artifact: Artifact, runtime: Runtime, threads: int) -> Scorer:
    from models.encoder import Encoder

    if runtime == "onnx":
        from models.runtime_onnx import OnnxRuntime

        return Encoder.open(artifact, OnnxRuntime(artifact.path / "model.onnx", threads=threads))
    if runtime != "torch":
        raise ArtifactError(f'runtime "{runtime}": must be "onnx" or "torch"')
    try:
        from models.runtime_torch import TorchRuntime
    except ImportError as error:
        raise MissingExtraError(
            "runtime torch needs the training extra: pip install -e '.[train]'"
        ) from error
    return Encoder.open(artifact, TorchRuntime(artifact, threads=threads))
