"""Our own model quantised as ONNX Runtime does when nobody says how: the exporter's graph, all options at default.

    python -m tests.bench.contestants.default_int8 build/bench/default-int8

The result is a model folder like any other, so that the same pipeline runs on it. It shows what the choices made in
training/export.py are worth.
"""

import logging
import shutil
import sys
import tempfile
import warnings
from dataclasses import fields
from pathlib import Path

import models
from models.artifact import seal
from models.cache import uncached
from models.category_network import network_of
from models.loading import DEFAULT
from models.packing import Batch
from models.pipeline import read
from models.weights import load_weights
from tests.bench.contestants.ours import Recorder, runtime_of

_SAMPLE = (
    "Agent was kind but nobody ever fixed my bill.",
    "Checkout was easy, but the parcel came late and the driver was rude.",
)


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DEFAULT, folder)
    with tempfile.TemporaryDirectory() as plain:
        _export(Path(plain) / "float32.onnx")
        _quantize(Path(plain) / "float32.onnx", folder / "model.onnx")
    seal(folder)


def _export(file: Path) -> None:
    import torch

    artifact = models.loading.facts_of("default").artifact
    assert artifact is not None  # only the weightless model has none
    network = network_of(artifact.config, load_weights(artifact.path / "weights.safetensors")).eval()
    sample = _sample()
    names = [field.name for field in fields(Batch)]
    arrays = tuple(torch.from_numpy(getattr(sample, name)) for name in names)
    axes = {name: {0: "rows", 1: "tokens"} for name in names[:-1]}
    axes |= {"pooling": {0: "rows", 1: "clauses", 2: "tokens"}, "scores": {0: "rows", 1: "clauses"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            arrays,
            file,
            dynamo=False,
            input_names=names,
            output_names=["scores"],
            dynamic_axes=axes,
        )


def _quantize(plain: Path, file: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    logging.disable(logging.WARNING)
    quantize_dynamic(plain, file)


def _sample() -> Batch:
    scorer = uncached(models.load().scorer)
    name, runtime = runtime_of(scorer)
    recorder = Recorder(runtime)
    setattr(scorer, name, recorder)
    scorer.score([read(models.Comment(text)) for text in _SAMPLE])
    batch: Batch = recorder.batches[0][0]
    return batch


if __name__ == "__main__":
    main()
