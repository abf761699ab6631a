"""Weights on disk: safetensors, matrices as int8 with one float32 scale a row.

A quarter of the size of float32, and the very weights that the int8 ONNX file serves, so that torch and ONNX
Runtime read the same model and retraining starts from what is in use. Vectors (biases, norms) stay float32.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.errors import ArtifactError

_SCALE = "::scale"


def round_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights as they will be read back: every matrix rounded to 255 steps a row."""
    return {name: _unpack(*pack_rows(value)) if value.dim() == 2 else value for name, value in state.items()}


def save_weights(state: dict[str, Tensor], file: Path) -> None:
    """Write a state dict. Matrices are rounded; see `round_weights`."""
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.dim() == 2:
            stored[name], stored[name + _SCALE] = pack_rows(value)
        else:
            stored[name] = value.contiguous()
    save_file(stored, file)


def load_weights(file: Path) -> dict[str, Tensor]:
    """Read a state dict of float32. Raises `ArtifactError` if the file is not one."""
    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"model {file.parent.name}: {file.name} cannot be read: {error}") from error
    return {
        name: _unpack(value, stored[name + _SCALE]) if name + _SCALE in stored else value
        for name, value in stored.items()
        if not name.endswith(_SCALE)
    }


def pack_rows(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as int8 rows of 255 steps and one scale a row: row * scale is the matrix again, rounded."""
    scale = matrix.abs().amax(dim=1).clamp_min(1e-12) / 127
    return torch.round(matrix / scale[:, None]).to(torch.int8), scale


def _unpack(rows: Tensor, scale: Tensor) -> Tensor:
    return rows.to(torch.float32) * scale[:, None]
