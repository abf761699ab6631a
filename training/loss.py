"""What the network is taught: each label on its sentences, and everything on the whole comment.

Sentences are annotated, clauses are what the network scores: a sentence's logit is the largest of its clauses'
(multi-instance learning; Kotzias et al. 2015 and others), and so is the comment's, exactly as `Layout.pool` does
it when serving.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from models.heads import Layout
from training.config import Loss
from training.examples import UNSAID, TrainingBatch

_ABSENT = -1e4  # a logit that never is the largest


def pool(scores: Tensor, clauses: Tensor, layout: Layout) -> Tensor:
    """`Layout.pool` on a batch: (B, C, width) scores and (B, C) bool → (B, width - 1) comment logits."""
    kept = scores.masked_fill(~clauses.unsqueeze(-1), _ABSENT)
    detected = len(layout.detected)
    weight = torch.softmax(kept[..., layout.weight], dim=-1)
    mean = (weight.unsqueeze(-1) * scores[..., detected : layout.weight]).sum(dim=1)
    return torch.cat([kept[..., :detected].amax(dim=1), mean], dim=-1)


class Objective:
    """The loss of a batch. `positive_weight`: (detected columns,), see `rarity_weights`."""

    def __init__(self, layout: Layout, weights: Loss, positive_weight: Tensor) -> None:
        self._layout = layout
        self._weights = weights
        self._positive_weight = positive_weight

    def __call__(self, scores: Tensor, batch: TrainingBatch) -> Tensor:
        """(B, C, width) scores → a scalar."""
        pooled = pool(scores, batch.clauses, self._layout)
        weights, detected = self._weights, len(self._layout.detected)
        comment = binary_cross_entropy_with_logits(
            pooled[:, :detected], batch.detected, pos_weight=self._positive_weight
        )
        loss = weights.sentence * self._sentences(scores, batch) + weights.comment * comment * _parts(
            detected
        )
        loss = loss + weights.sentiment * cross_entropy(pooled[:, self._layout.sentiment], batch.sentiment)
        loss = loss + weights.intent * cross_entropy(pooled[:, self._layout.intent], batch.intent)
        said = batch.empathy != UNSAID
        if said.any():
            level = cross_entropy(pooled[said][:, self._layout.empathy], batch.empathy[said], reduction="sum")
            loss = loss + weights.empathy * level / len(said)
        return loss

    def _sentences(self, scores: Tensor, batch: TrainingBatch) -> Tensor:
        labels = len(self._layout.labels)
        inside = batch.membership.unsqueeze(-1)
        logits = scores[:, None, :, :labels].masked_fill(~inside, _ABSENT).amax(dim=2)
        real = batch.membership.any(dim=-1)
        loss = binary_cross_entropy_with_logits(
            logits[real], batch.sentences[real], pos_weight=self._positive_weight[:labels]
        )
        return loss * _parts(labels)


def rarity_weights(detected: Tensor, rarity: float) -> Tensor:
    """(comments, columns) targets → the weight of a positive of each column, (negatives / positives) ^ rarity."""
    share = detected.mean(dim=0).clamp(1e-3, 1 - 1e-3)
    return ((1 - share) / share) ** rarity


def _parts(columns: int) -> float:
    # A mean over many mostly empty columns is small beside a softmax loss: count four columns as one part.
    return columns / 4
