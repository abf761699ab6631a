"""What the network is taught: each label on its sentences, everything on the whole comment, and what teachers say.

Sentences are annotated, clauses are what the network scores: a sentence's logit is the largest of its clauses'
(multi-instance learning; Kotzias et al. 2015 and others), and so is the comment's, exactly as `Layout.pool` does
it when serving. A teacher scores the same clauses, so that the student is told which clause says what even where
nobody annotated (distillation; Hinton et al. 2015).
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, log_softmax

from models.heads import LEVELS, Layout
from training.config import Loss
from training.examples import UNSAID, TrainingBatch

_ABSENT = -1e4  # a logit that never is the largest
_SIDES = (slice(0, 2), slice(2, 3), slice(3, len(LEVELS)))  # negative, neutral, positive levels


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
        """(B, C, width) scores → a scalar: the mean over the comments of what is known of each."""
        pooled = pool(scores, batch.clauses, self._layout)
        loss = scores.new_zeros(())
        if batch.labelled.any():
            loss = loss + self._labels(scores, pooled, batch) * batch.labelled.float().mean()
        if (known := batch.polarity != UNSAID).any():
            sides = self._sides(pooled[known], batch.polarity[known])
            loss = loss + self._weights.polarity * sides * known.float().mean()
        if batch.soft is not None:
            taught = self._taught(scores, pooled, batch, batch.soft)
            loss = loss + self._weights.soft * taught * batch.taught.float().mean()
        return loss

    def _labels(self, scores: Tensor, pooled: Tensor, batch: TrainingBatch) -> Tensor:
        weights, detected, rows = self._weights, len(self._layout.detected), batch.labelled
        comment = binary_cross_entropy_with_logits(
            pooled[rows, :detected], batch.detected[rows], pos_weight=self._positive_weight
        )
        loss = weights.sentence * self._sentences(scores, batch) + weights.comment * comment * _parts(
            detected
        )
        loss = loss + weights.sentiment * cross_entropy(
            pooled[rows, self._layout.sentiment], batch.sentiment[rows]
        )
        loss = loss + weights.intent * cross_entropy(pooled[rows, self._layout.intent], batch.intent[rows])
        said = rows & (batch.empathy != UNSAID)
        if said.any():
            level = cross_entropy(pooled[said][:, self._layout.empathy], batch.empathy[said], reduction="sum")
            loss = loss + weights.empathy * level / rows.sum()
        return loss

    def _sentences(self, scores: Tensor, batch: TrainingBatch) -> Tensor:
        labels = len(self._layout.labels)
        inside = batch.membership.unsqueeze(-1)
        logits = scores[:, None, :, :labels].masked_fill(~inside, _ABSENT).amax(dim=2)
        real = batch.membership.any(dim=-1) & batch.labelled.unsqueeze(-1)
        loss = binary_cross_entropy_with_logits(
            logits[real], batch.sentences[real], pos_weight=self._positive_weight[:labels]
        )
        return loss * _parts(labels)

    def _sides(self, pooled: Tensor, polarity: Tensor) -> Tensor:
        # Of these comments only the side is known, not how far: the levels of a side count together.
        levels = log_softmax(pooled[:, self._layout.sentiment], dim=-1)
        sides = torch.stack([levels[:, side].logsumexp(dim=-1) for side in _SIDES], dim=-1)
        return -sides.gather(1, polarity.unsqueeze(1)).mean()

    def _taught(self, scores: Tensor, pooled: Tensor, batch: TrainingBatch, soft: Tensor) -> Tensor:
        weights, layout, detected = self._weights, self._layout, len(self._layout.detected)
        real = batch.clauses & batch.taught.unsqueeze(-1)
        loss = binary_cross_entropy_with_logits(
            scores[real][:, :detected], soft[real][:, :detected].sigmoid()
        ) * _parts(detected)
        told = pool(soft, batch.clauses, layout)[batch.taught]
        says = pooled[batch.taught]
        loss = loss + binary_cross_entropy_with_logits(
            says[:, :detected], told[:, :detected].sigmoid()
        ) * _parts(detected)
        # Levels of empathy matter where the teacher hears any; themes of one's own may be without it.
        of_empathy = told[:, self._of_empathy()].sigmoid()
        heard = of_empathy.amax(dim=-1) if of_empathy.shape[-1] else told.new_zeros(len(told))
        for columns, weight, rows in (
            (layout.sentiment, weights.sentiment, None),
            (layout.intent, weights.intent, None),
            (layout.empathy, weights.empathy, heard),
        ):
            each = -(told[:, columns].softmax(dim=-1) * log_softmax(says[:, columns], dim=-1)).sum(dim=-1)
            loss = loss + weight * (each if rows is None else each * rows).mean()
        return loss

    def _of_empathy(self) -> list[int]:
        return [
            column
            for column, name in enumerate(self._layout.labels)
            if name in ("lack_of_empathy", "caring_treatment")
        ]


def rarity_weights(detected: Tensor, rarity: float) -> Tensor:
    """(comments, columns) targets → the weight of a positive of each column, (negatives / positives) ^ rarity."""
    share = detected.mean(dim=0).clamp(1e-3, 1 - 1e-3)
    return ((1 - share) / share) ** rarity


def _parts(columns: int) -> float:
    # A mean over many mostly empty columns is small beside a softmax loss: count four columns as one part.
    return columns / 4
