"""A real artifact of a toy size: random weights, the true tokenizer, both runtimes. It knows nothing."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from evaluation.base_encoder import WEIGHTS, base_encoder_path
from models import taxonomy
from models.artifact import EncoderConfig, seal, write_config, write_json
from models.category_network import category_network
from models.encoder import Windows
from models.heads import Calibration, Layout
from models.network import Network
from models.packing import collate
from models.pipeline import read
from models.schema import Comment
from models.weights import round_weights, save_weights
from training.export import export_onnx

CONFIG = EncoderConfig(
    base="none",
    hidden_size=32,
    num_layers=2,
    num_heads=2,
    intermediate_size=64,
    vocab_size=30522,
    max_positions=64,
    head_size=16,
    max_tokens=48,
    max_question_tokens=8,
    max_windows=4,
)


def write_tiny_base(folder: Path) -> Path:
    """Write an encoder for categories, with random weights and the true tokenizer, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes((base_encoder_path() / "tokenizer.json").read_bytes())
    shape = {"num_hidden_layers": CONFIG.num_layers, "num_attention_heads": CONFIG.num_heads}
    shape |= {"hidden_size": CONFIG.hidden_size, "intermediate_size": CONFIG.intermediate_size}
    shape |= {"vocab_size": CONFIG.vocab_size, "max_position_embeddings": CONFIG.max_positions}
    (folder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    torch.manual_seed(0)
    weights = category_network(CONFIG, 1, context=0.3).encoder.state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    return folder


def write_tiny_artifact(folder: Path) -> Path:
    """Write it and return its folder."""
    folder.mkdir(parents=True)
    tax = taxonomy.load()
    layout = Layout(tax)
    torch.manual_seed(0)
    network = Network(CONFIG, layout.width).eval()
    network.load_state_dict(round_weights(network.state_dict()))
    tokenizer = Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json"))
    texts = (
        "The agent was kind but nobody fixed my bill",
        "Late again. " * 8,
        "App crashed",
        "Slow, rude and dear",
    )
    readings = [read(Comment(text, question="Why?")) for text in texts]
    cut = Windows(tokenizer, CONFIG).cut(readings)
    save_weights(network.state_dict(), folder / "weights.safetensors")
    export_onnx(network, [collate(windows) for windows in cut], folder / "model.onnx")
    tokenizer.save(str(folder / "tokenizer.json"))
    write_config(folder, CONFIG)
    (folder / "taxonomy.json").write_text(tax.to_json(), encoding="utf-8")
    write_json(folder / "calibration.json", Calibration().to_dict())
    write_json(folder / "thresholds.json", dict.fromkeys(layout.detected, 0.5))
    seal(folder)
    return folder
