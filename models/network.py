"""The network in torch: a BERT encoder, the mean of each clause's tokens, and heads upon it.

Only training, torch serving and the export import this module; it needs the training extra.
"""

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models.artifact import EncoderConfig


class Network(nn.Module):
    """Token ids to one row of logits for each clause (see `heads.Layout` for the columns)."""

    def __init__(self, config: EncoderConfig, width: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = BertModel(_bert(config, dropout), add_pooling_layer=False)
        # A clause is judged by its own words and, beside them, by the window it stands in.
        self.heads = nn.Sequential(
            nn.Linear(2 * config.hidden_size, config.head_size),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(config.head_size, width),
        )

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor, pooling: Tensor) -> Tensor:
        """(B, T) ids, segments, mask and (B, S, T) pooling → (B, S, width) logits."""
        tokens = self.encoder(input_ids=ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
        clauses = torch.matmul(pooling, tokens)
        share = mask.to(tokens.dtype).unsqueeze(-1)
        window = (tokens * share).sum(dim=1, keepdim=True) / share.sum(dim=1, keepdim=True)
        return self.heads(torch.cat([clauses, window.expand_as(clauses)], dim=-1))  # type: ignore[no-any-return]


def _bert(config: EncoderConfig, dropout: float) -> BertConfig:
    return BertConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=config.intermediate_size,
        max_position_embeddings=config.max_positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
