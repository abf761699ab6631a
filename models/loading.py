"""Open a model by name or folder: `load()`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models import taxonomy, weightless
from models.artifact import Artifact, open_artifact
from models.errors import ArtifactError, InputError, MissingExtraError
from models.heads import Calibration
from models.pipeline import Pipeline
from models.scorer import Scorer
from models.taxonomy import Taxonomy

if TYPE_CHECKING:
    from models import encoder

Runtime = Literal["openvino", "onnx", "torch"]
DEFAULT = Path(__file__).with_name("default")


@dataclass(frozen=True)
class Facts:
    """What is known of a model without its weights. `artifact` is None for the weightless one."""

    version: str
    taxonomy: Taxonomy
    calibration: Calibration
    thresholds: Mapping[str, float]
    artifact: Artifact | None


def load(
    model: str | Path = "default",
    *,
    runtime: Runtime = "openvino",
    threads: int = 1,
    compiled: Path | None = None,
) -> Pipeline:
    """Open the shipped model ("default"), the weightless one ("weightless") or a folder.

    `threads`, 1 or more, is the number of cores that the model may use in one call; tokens are made on all that there
    are, unless the environment says `TOKENIZERS_PARALLELISM=false`. `compiled` is a folder in which OpenVINO may keep
    what it makes of the model on this machine: it is then opened some 0.3 s sooner the next time.

    Raises `ArtifactError` if the folder is not a sound model, `MissingExtraError` if `runtime="torch"` and torch is not
    installed, `InputError` for less than one thread.
    """
    if threads < 1:
        raise InputError(f"threads: must be 1 or more, not {threads}", code="invalid_value")
    facts = facts_of(model)
    return Pipeline(
        _scorer(facts, runtime, threads, compiled),
        facts.taxonomy,
        version=facts.version,
        calibration=facts.calibration,
        thresholds=facts.thresholds,
    )


def facts_of(model: str | Path) -> Facts:
    """Read about a model, named as for `load`, without loading it. Raises `ArtifactError` as `load` does."""
    if model == "weightless":
        return Facts(weightless.VERSION, taxonomy.load(), weightless.CALIBRATION, {}, None)
    artifact = open_artifact(DEFAULT if model == "default" else Path(model))
    return Facts(
        version=artifact.version,
        taxonomy=taxonomy.from_dict(artifact.json("taxonomy.json")),
        calibration=Calibration.from_dict(artifact.json("calibration.json")),
        thresholds=artifact.json("thresholds.json"),
        artifact=artifact,
    )


def _scorer(facts: Facts, runtime: Runtime, threads: int, compiled: Path | None) -> Scorer:
    artifact = facts.artifact
    if artifact is None:
        return weightless.WeightlessScorer(facts.taxonomy)
    from models.cache import CachedScorer
    from models.encoder import Encoder

    return CachedScorer(Encoder.open(artifact, _runtime(artifact, runtime, threads, compiled)))


def _runtime(artifact: Artifact, runtime: Runtime, threads: int, compiled: Path | None) -> "encoder.Runtime":
    # Each is imported where it is asked for: the others' start-up is not paid, nor need they be installed.
    if runtime == "openvino":
        from models.runtime_openvino import OpenVinoRuntime

        return OpenVinoRuntime(artifact.path / "model.onnx", threads=threads, kept=compiled)
    if runtime == "onnx":
        from models.runtime_onnx import OnnxRuntime

        return OnnxRuntime(artifact.path / "model.onnx", threads=threads)
    if runtime != "torch":
        raise ArtifactError(f'runtime "{runtime}": must be "openvino", "onnx" or "torch"')
    try:
        from models.runtime_torch import TorchRuntime
    except ImportError as error:
        raise MissingExtraError(
            "runtime torch needs the training extra: pip install -e '.[train]'"
        ) from error
    return TorchRuntime(artifact, threads=threads)
