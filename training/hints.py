"""A teacher's states of clauses as hints: what a student's states must give by a linear map that is thrown away.

    hints = Hints(student_size, examples, layout)
    loss = hints(states, batch)

Fifty logits say little of how a clause was read; the state that they are taken from says more. After FitNets (Romero et
al. 2015) and the hidden states of TinyBERT (Jiao et al. 2020, section 3.1), whose map it is.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.artifact import Artifact
from models.category_network import network_of
from models.heads import Layout, Scores
from models.packing import Batch
from models.weights import load_weights
from training.examples import Example, TrainingBatch

_SAMPLE = 40_000  # clauses that the spread of each number is taken from
_FAR = 6.0  # spreads: what lies beyond counts as that far
_LEAST = 1e-3


class HintRuntime:
    """A `Runtime` that gives a teacher's logits and, after them, its states: (R, S, layout.width + hidden size)."""

    def __init__(self, artifact: Artifact, *, threads: int) -> None:
        torch.set_num_threads(threads)
        self._hidden = artifact.config.hidden_size
        self._network = network_of(artifact.config, load_weights(artifact.path / "weights.safetensors"))
        self._network.to(torch.bfloat16).eval()

    @torch.inference_mode()
    def forward(self, batch: Batch) -> Scores:
        """See the class."""
        states = self._network.clauses(*(torch.from_numpy(array) for array in batch.arrays))
        both = torch.cat([self._network.heads(states), states[..., : self._hidden]], dim=-1)
        return both.float().numpy()


class Hints(nn.Module):
    """How far a student's states are from its teacher's: a mean squared error in spreads of each number.

    `examples` are those that the teacher spoke of, their `soft` with its states after the logits.
    """

    spread: Tensor
    mean: Tensor

    def __init__(self, size: int, examples: Sequence[Example], layout: Layout) -> None:
        super().__init__()
        self._first = layout.width
        told = _sample([example.soft for example in examples if example.soft is not None])
        states = torch.from_numpy(told[:, self._first :].astype(np.float32))
        self.register_buffer("mean", states.mean(dim=0))
        self.register_buffer("spread", states.std(dim=0) + _LEAST)
        self.map = nn.Linear(size, states.shape[1])

    def forward(self, states: Tensor, batch: TrainingBatch) -> Tensor:
        """(B, C, size) states of the student → a scalar; 0 where the teacher spoke of none."""
        if batch.soft is None:
            return states.new_zeros(())
        real = batch.clauses & batch.taught.unsqueeze(-1)
        told = (batch.soft[real][:, self._first :] - self.mean) / self.spread
        miss: Tensor = self.map(states[real]) - told.clamp(-_FAR, _FAR)
        return miss.pow(2).mean()


def _sample(told: Sequence[Scores]) -> Scores:
    rows = np.concatenate(list(told))
    chosen = np.random.default_rng(0).permutation(len(rows))[:_SAMPLE]
    return rows[chosen]
