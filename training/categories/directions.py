"""One direction for each category: from descriptions alone, and moved from there by labelled comments.

A logit is `clause @ weight + bias`. Descriptions give the weight of a category as the mean vector of its phrasings
less the mean of many descriptions, our own ten themes and ten touchpoints among them, so that what all descriptions
share does not count. Over clauses of ordinary feedback (our own corpus) each is brought to standard deviation 1, and
the bias is where so few of these clauses reach 0 as a comment may be expected to have categories.

Labelled comments then move weight and bias by logistic regression whose penalty draws them back to the described
ones (a Gaussian prior): with no examples nothing moves, with many the descriptions hardly count. A category that no
comment shows, or that every comment has, stays out of the regression: nothing would hold its bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from models import taxonomy
from models.taxonomy import Taxonomy
from training.categories.encoder import Vectors

Targets = NDArray[np.float32]
"""(comments, categories): 1 is there, 0 is not there, NaN is not known."""
Shown = NDArray[np.bool_]
"""(categories,)"""

# These two were chosen on comments of our own writing, with our themes and touchpoints as the categories.
_LABELS_A_CLAUSE = 1.4  # categories that an ordinary clause is expected to reach, over all of them
_MOST = 0.12  # and at most such a share of clauses one category
# The rest was chosen on parts of the training sides of banking77 and nhs_fft_v6, never on their test sides.
_EXCLUSIVE_SCALE = 10.0
"""What a cosine is multiplied with where categories exclude each other; half of what the encoder was trained with."""
_PULL = {False: 0.1, True: 0.02}
_START = -2.0  # labelled comments are harder on a label than descriptions: from here the bias moves freely
_ABSENT = -1e4


class Encoder(Protocol):
    """See `CategoryEncoder`."""

    @property
    def background(self) -> list[Vectors]: ...
    def texts(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class Directions:
    """`weight`: (categories, hidden). `bias`: (categories,)."""

    weight: Vectors
    bias: Vectors

    def logits(self, clauses: Sequence[Vectors], *, exclusive: bool) -> Vectors:
        """Comment logits, shape (comments, categories), pooled as `Layout.pool` does; 0 without words."""
        rows = []
        for vectors in clauses:
            scores = vectors @ self.weight.T + self.bias
            if not len(scores):
                scores = np.zeros((1, len(self.bias)), dtype=np.float32)
            rows.append(scores.mean(axis=0) if exclusive else scores.max(axis=0))
        return np.array(rows, dtype=np.float32).reshape(len(clauses), len(self.bias))


def described(tax: Taxonomy, encoder: Encoder) -> Directions:
    """Directions from names and descriptions alone."""
    own = _meanings(encoder, [(c.name, c.description) for c in tax.categories])
    if tax.exclusive:
        return Directions(own * _EXCLUSIVE_SCALE, np.zeros(len(own), dtype=np.float32))
    general = taxonomy.load()
    said = [(theme.name, theme.description) for theme in general.themes]
    said += [(touchpoint.name, touchpoint.description) for touchpoint in general.touchpoints]
    others = _meanings(encoder, said)
    weight = own - np.concatenate([own, others]).mean(axis=0)
    found = np.concatenate(encoder.background) @ weight.T
    spread = np.maximum(found.std(axis=0), 1e-6)
    share = min(_MOST, _LABELS_A_CLAUSE / len(own))
    reached = np.quantile(found / spread, 1 - share, axis=0)
    return Directions((weight / spread[:, None]).astype(np.float32), -reached.astype(np.float32))


def shown(targets: Targets) -> Shown:
    """The categories that comments teach: at least one is known to have it and one not to."""
    return np.asarray((targets == 1).any(axis=0) & (targets == 0).any(axis=0))


def fit(start: Directions, clauses: Sequence[Vectors], targets: Targets, *, exclusive: bool) -> Directions:
    """Directions moved by labelled comments; comments without words are left out.

    A category that comments do not show (`shown`) stays as it was described. Where categories exclude each other it
    is not among those chosen from either: were its bias only held, all others would rise above it together.
    """
    kept = [place for place, vectors in enumerate(clauses) if len(vectors)]
    taught = shown(targets[kept])
    if not taught.any():
        return start
    some = Directions(start.weight[taught], start.bias[taught])
    found = _moved(some, [clauses[place] for place in kept], targets[kept][:, taught], exclusive=exclusive)
    weight, bias = start.weight.copy(), start.bias.copy()
    weight[taught], bias[taught] = found.weight, found.bias
    return Directions(weight, bias)


def _moved(start: Directions, clauses: Sequence[Vectors], targets: Targets, *, exclusive: bool) -> Directions:
    """By comments that all have words, and that show every category."""
    vectors, there = _padded(clauses, start.weight.shape[1])
    wanted = torch.from_numpy(targets)
    origin, bias = torch.from_numpy(start.weight), torch.from_numpy(start.bias).clone()
    bias = (bias if exclusive else bias + _START).requires_grad_(True)
    moved = torch.zeros_like(origin, requires_grad=True)
    optimizer = torch.optim.LBFGS([moved, bias], max_iter=80, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        scores = vectors @ (origin + moved).T + bias
        loss = loss_of(pooled(scores, there, exclusive=exclusive), wanted, exclusive=exclusive)
        loss = loss + _PULL[exclusive] * moved.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return Directions((origin + moved).detach().numpy(), bias.detach().numpy())


def pooled(scores: Tensor, there: Tensor, *, exclusive: bool) -> Tensor:
    """(B, C, K) scores and (B, C) bool → (B, K), as `Layout.pool` does with equal weights."""
    if exclusive:
        shares = there / there.sum(dim=1, keepdim=True).clamp_min(1)
        return (scores * shares.unsqueeze(-1)).sum(dim=1)
    return scores.masked_fill(~there.unsqueeze(-1), _ABSENT).amax(dim=1)


def loss_of(logits: Tensor, wanted: Tensor, *, exclusive: bool) -> Tensor:
    """The negative log-likelihood of what is known, summed; both of shape (B, K).

    Where categories exclude each other and only what a comment is not is known, that much is learnt.
    """
    if not exclusive:
        known = ~wanted.isnan()
        return binary_cross_entropy_with_logits(logits[known], wanted[known], reduction="sum")
    chances = log_softmax(logits, dim=-1)
    right, wrong = wanted == 1, (wanted == 0) & ~(wanted == 1).any(dim=-1, keepdim=True)
    return -chances[right].sum() - torch.log1p(-chances[wrong].exp().clamp_max(1 - 1e-6)).sum()


def _meanings(encoder: Encoder, said: Sequence[tuple[str, str]]) -> Vectors:
    phrasings = [text for name, about in said for text in (name, about, f"{name}: {about}")]
    vectors = encoder.texts(phrasings).reshape(len(said), 3, -1).mean(axis=1)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _padded(clauses: Sequence[Vectors], width: int) -> tuple[Tensor, Tensor]:
    most = max((len(vectors) for vectors in clauses), default=1)
    padded = np.zeros((len(clauses), most, width), dtype=np.float32)
    there = np.zeros((len(clauses), most), dtype=bool)
    for row, vectors in enumerate(clauses):
        padded[row, : len(vectors)] = vectors
        there[row, : len(vectors)] = True
    return torch.from_numpy(padded), torch.from_numpy(there)
