"""Weights to ONNX: int8 for serving, and the check that both runtimes read alike.

Word vectors go in as int8 rows with their scales, the very rows of weights.safetensors. Matrix products are
quantised by ONNX Runtime: weights per output channel, activations as they come (dynamic).
"""

import copy
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime.quantization as quantization
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.encoder import Batch
from models.heads import Scores
from models.network import Network
from models.runtime_onnx import OnnxRuntime
from models.weights import pack_rows

_INPUTS = ["ids", "segments", "mask", "pooling"]


def export_onnx(network: Network, sample: Batch, file: Path) -> float:
    """Write the int8 serving file. Returns the largest difference of a score between float32 ONNX and torch.

    That difference shows the export itself to be right; what int8 changes is measured on comments, see
    `agreement`.
    """
    network.eval()
    arrays = tuple(torch.from_numpy(a) for a in (sample.ids, sample.segments, sample.mask, sample.pooling))
    with torch.inference_mode():
        expected = network(*arrays).numpy()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        _export(_serving(network), arrays, plain)
        difference = float(np.abs(OnnxRuntime(plain).forward(sample) - expected).max())
        _quantize(plain, file)
    return difference


def agreement(served: Scores, reference: Scores, columns: int) -> float:
    """Share of the (comment, column) decisions at probability 0.5 on which two runtimes agree."""
    same: NDArray[np.bool_] = (served[:, :columns] > 0) == (reference[:, :columns] > 0)
    return float(same.mean())


def _quantize(plain: Path, file: Path) -> None:
    logging.disable(logging.WARNING)  # it advises a pre-processing that these graphs do not need
    try:
        quantization.quantize_dynamic(
            plain,
            file,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logging.disable(logging.NOTSET)


def _serving(network: Network) -> nn.Module:
    module = copy.deepcopy(network)
    embeddings: Any = module.encoder.embeddings
    embeddings.word_embeddings = _Int8Rows(embeddings.word_embeddings.weight.detach())
    return module.eval()


def _export(module: nn.Module, arrays: tuple[Tensor, ...], file: Path) -> None:
    axes = {name: {0: "windows", 1: "tokens"} for name in _INPUTS[:3]}
    axes |= {"pooling": {0: "windows", 1: "clauses", 2: "tokens"}, "scores": {0: "windows", 1: "clauses"}}
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
