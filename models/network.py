"""The network in torch: an encoder, the mean of each clause's tokens, and heads upon it.

Only training, torch serving and the export import this module; it needs the training extra.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from models.artifact import EncoderConfig


class Network(nn.Module):
    """Token ids to one row of logits for each clause (see `heads.Layout` for the columns)."""

    def __init__(self, config: EncoderConfig, width: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = _encoder(config, dropout)
        # An MPNet has no segments: its separators alone tell the question from the answer.
        self._is_bert = config.architecture == "bert"
        # A clause is judged by its own words and, beside them, by the window it stands in.
        self.heads = nn.Sequential(
            nn.Linear(2 * config.hidden_size, config.head_size),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(config.head_size, width),
        )

    def forward(
        self, ids: Tensor, segments: Tensor, positions: Tensor, windows: Tensor, pooling: Tensor
    ) -> Tensor:
        """A `packing.Batch`, array by array: R rows of T tokens → (R, S, width) logits of S clauses."""
        together = windows.unsqueeze(2) == windows.unsqueeze(1)
        more = {"token_type_ids": segments, "position_ids": positions} if self._is_bert else {}
        found = self.encoder(input_ids=ids, attention_mask=together.unsqueeze(1), **more)
        tokens = found.last_hidden_state
        pooling = pooling.to(tokens.dtype)
        same = together.to(tokens.dtype)
        window = torch.matmul(pooling, same / same.sum(dim=2, keepdim=True))
        both = torch.matmul(torch.cat([pooling, window], dim=1), tokens)
        return self.heads(torch.cat(both.chunk(2, dim=1), dim=-1))  # type: ignore[no-any-return]


def _encoder(config: EncoderConfig, dropout: float) -> nn.Module:
    shape: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_positions,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    if config.architecture == "mpnet":
        return MPNetModel(MPNetConfig(layer_norm_eps=1e-5, **shape), add_pooling_layer=False)
    return BertModel(BertConfig(**shape), add_pooling_layer=False)
