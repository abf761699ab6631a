"""Weights to ONNX: int8 for serving, and the check that both runtimes read alike.

Word vectors go in as int8 rows with their scales, the very rows of weights.safetensors. Matrix products with weights
are quantised by NNCF (Apache-2.0): weights per output channel; activations per tensor, with ranges seen on training
comments and smoothed between channels (SmoothQuant, Xiao et al. 2023, arXiv 2211.10438). The ranges are fixed, so
that what is said of a comment does not depend on its neighbours in a batch; attention stays in float32.
"""

import copy
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.heads import Scores
from models.network import Network
from models.packing import Batch
from models.runtime_onnx import OnnxRuntime
from models.weights import pack_rows

SAMPLES = 300
_INPUTS = ["ids", "segments", "positions", "windows", "pooling"]
# Cheap beside the products, and best left exact.
_IN_FLOAT = ["Add", "Mul", "Sub", "Div", "ReduceMean", "ReduceSum", "Softmax", "Erf"]


def export_onnx(network: Network, samples: Sequence[Batch], file: Path) -> float:
    """Write the int8 serving file. Returns the largest difference of a score between float32 ONNX and torch.

    That difference, on the first of the `samples`, shows the export itself to be right; what int8 changes is measured
    on comments, see `agreement`. All the samples show which values activations take: `SAMPLES` or more are enough.
    """
    network.eval()
    first = samples[0]
    arrays = tuple(torch.from_numpy(array) for array in first.arrays)
    with torch.inference_mode():
        expected = network(*arrays).numpy()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        _export(_serving(network), arrays, plain)
        difference = float(np.abs(OnnxRuntime(plain).forward(first) - expected).max())
        _quantize(plain, samples, file)
    return difference


def agreement(served: Scores, reference: Scores, columns: int) -> float:
    """Share of the (comment, column) decisions at probability 0.5 on which two runtimes agree."""
    same: NDArray[np.bool_] = (served[:, :columns] > 0) == (reference[:, :columns] > 0)
    return float(same.mean())


def _quantize(plain: Path, samples: Sequence[Batch], file: Path) -> None:
    # NNCF would report its use to its makers; with this set it stays silent.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf  # seconds to import, and only needed here

    model = onnx.load(plain)
    constants = {each.name for each in model.graph.initializer}
    names = [each.name for each in model.graph.input]
    products = [node for node in model.graph.node if node.op_type == "MatMul"]
    attention = [node.name for node in products if not constants.intersection(node.input)]
    nncf.set_log_level("ERROR")
    quantized = nncf.quantize(
        model,
        nncf.Dataset(samples, lambda batch: {name: getattr(batch, name) for name in names}),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(names=attention, types=_IN_FLOAT, validate=False),
    )
    onnx.save(quantized, file)


def _serving(network: Network) -> nn.Module:
    module = copy.deepcopy(network)
    embeddings: Any = module.encoder.embeddings
    embeddings.word_embeddings = _Int8Rows(embeddings.word_embeddings.weight.detach())
    return module.eval()


def _export(module: nn.Module, arrays: tuple[Tensor, ...], file: Path) -> None:
    axes = {name: {0: "rows", 1: "tokens"} for name in _INPUTS[:-1]}
    axes |= {"pooling": {0: "rows", 1: "clauses", 2: "tokens"}, "scores": {0: "rows", 1: "clauses"}}
    with warnings.catch_warnings():
        # The older exporter is on its way out, but only its graphs keep attention in one piece.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            arrays,
            file,
            dynamo=False,
            opset_version=17,
            input_names=_INPUTS,
            output_names=["scores"],
            dynamic_axes=axes,
        )


class _Int8Rows(nn.Module):
    """Word vectors as int8 rows and a scale for each; stands in for an `nn.Embedding`."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        rows, scale = pack_rows(matrix)
        self.register_buffer("rows", rows)
        self.register_buffer("scale", scale.unsqueeze(1))

    def forward(self, ids: Tensor) -> Tensor:
        rows, scale = self.get_buffer("rows"), self.get_buffer("scale")
        return nn.functional.embedding(ids, rows).to(torch.float32) * nn.functional.embedding(ids, scale)
