"""The network of a person's own categories in torch: the encoder of `network`, and one direction per category.

A clause's vector is the mean of its tokens, drawn towards that of its window and made of length one; its logit
for a category is linear in it. So a description, a handful of examples and hundreds of labels all write the same
two arrays, and the exported file is read like any other.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.artifact import EncoderConfig
from models.network import Network

CONTEXT = 0.3
"""How much of a clause's vector is its window's, where a comment may have several categories."""
CONTEXT_EXCLUSIVE = 0.5
"""And where it has one, so that the whole comment is judged."""


class Direction(nn.Module):
    """(…, 2H) clause beside window → (…, H): their mixture, of length one."""

    def __init__(self, context: float) -> None:
        super().__init__()
        self.register_buffer("context", torch.tensor(float(context)))

    def forward(self, both: Tensor) -> Tensor:
        """See the class."""
        clause, window = both.chunk(2, dim=-1)
        share = self.get_buffer("context")
        mixed = (1 - share) * normalize(clause, dim=-1) + share * normalize(window, dim=-1)
        return normalize(mixed, dim=-1)


def category_network(config: EncoderConfig, width: int, *, context: float, dropout: float = 0.1) -> Network:
    """A `Network` of that kind; `width` is `Layout.width`. The last column, the weight, starts at 0."""
    network = Network(config, width, dropout=dropout)
    network.heads = nn.Sequential(Direction(context), nn.Linear(config.hidden_size, width))
    nn.init.zeros_(network.heads[1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(network.heads[1].bias)  # type: ignore[arg-type]
    return network


def network_of(config: EncoderConfig, state: Mapping[str, Tensor]) -> Network:
    """The network that stored weights are of, holding them."""
    if "heads.0.context" in state:
        network = category_network(config, state["heads.1.bias"].shape[0], context=0.0)
    else:
        network = Network(config, width=state["heads.3.bias"].shape[0])
    network.load_state_dict(state)
    return network
