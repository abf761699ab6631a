"""Stored weights come back as they were rounded, and a spoilt file is refused."""

from pathlib import Path

import pytest
import torch

from models import ArtifactError
from models.weights import load_weights, round_weights, save_weights


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"a.weight": torch.randn(6, 9), "a.bias": torch.randn(6), "zero.weight": torch.zeros(2, 2)}


def test_what_is_read_is_what_was_rounded(tmp_path: Path) -> None:
    save_weights(state(), tmp_path / "w.safetensors")
    expected = round_weights(state())
    for name, value in load_weights(tmp_path / "w.safetensors").items():
        assert torch.equal(value, expected[name]), name


def test_rounding_is_fine_and_stable() -> None:
    before, after = state(), round_weights(state())
    step = before["a.weight"].abs().amax(dim=1, keepdim=True) / 127
    assert ((before["a.weight"] - after["a.weight"]).abs() <= step / 2 + 1e-7).all()
    assert torch.equal(before["a.bias"], after["a.bias"])
    again = round_weights(after)
    assert torch.allclose(again["a.weight"], after["a.weight"], atol=1e-6)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"not weights")
    with pytest.raises(ArtifactError, match=r"weights\.safetensors"):
        load_weights(file)
