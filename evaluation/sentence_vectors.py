"""Frozen sentence vectors of all-MiniLM-L6-v2, as its authors compute them: mean of the tokens, length one.

Needs the train extra (torch, transformers). Reimers and Gurevych 2019 for the pooling.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar

from evaluation.base_encoder import base_encoder_path

MAX_TOKENS = 256  # what the encoder was published with
_BATCH = 32


def sentence_vectors(texts: Sequence[str], *, threads: int = 1) -> NDArray[np.float32]:
    """One vector a text, shape (texts, 384), in order.

    Raises `ArtifactError` if the encoder is not there.
    """
    path = base_encoder_path()
    tokens = _tokens(path, texts)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # for the weights: our own shows how far we are
    encoder = AutoModel.from_pretrained(path, local_files_only=True, use_safetensors=True).eval()
    # Texts of like length share a batch, so that hardly any padding is computed.
    order = np.argsort([len(ids) for ids in tokens], kind="stable")
    vectors = np.empty((len(texts), encoder.config.hidden_size), dtype=np.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            vectors[chosen] = _encode(encoder, [tokens[place] for place in chosen])
    finally:
        torch.set_num_threads(before)
    return vectors


def _tokens(path: Path, texts: Sequence[str]) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


@torch.inference_mode()
def _encode(encoder: torch.nn.Module, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    ids = torch.zeros((len(batch), max(map(len, batch))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    weight = mask.unsqueeze(-1).to(states.dtype)
    mean = (states * weight).sum(dim=1) / weight.sum(dim=1)
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors
