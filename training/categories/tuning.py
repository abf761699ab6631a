"""Fine-tuning the encoder for a person's own categories, with the loop of all other models.

It starts from directions that are fitted already, so that the first steps need not tear the encoder about. A
comment's logits are pooled as when serving; what is not known of a comment is not learnt from, and a category that no
comment shows is not taught: its description speaks for it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from evaluation.scores import average_precision
from models.heads import Layout, Scores
from models.network import Network
from models.packing import Window
from training.categories.directions import Directions, Shown, Targets, loss_of, shown
from training.examples import UNSAID, Example, TrainingBatch
from training.loop import Trainer, predict
from training.loss import pool


class CategoryTrainer(Trainer):
    """A `Trainer` that learns categories: each by itself, or the one of each comment."""

    def score(self, examples: Sequence[Example]) -> float:
        """Accuracy where categories exclude each other, else the mean average precision of those that occur.

        With no comment held out, or none that has a category, the last epoch is taken for the best.
        """
        if not examples:
            return float(self.progress.epoch)
        logits = of_categories(predict(self._twin, examples, self.layout), self.layout)
        targets = np.stack([example.detected for example in examples])
        if "category" in self.layout.choices:
            return float((logits.argmax(axis=1) == targets.argmax(axis=1)).mean())
        found = [
            average_precision(truth == 1, column.astype(float))[0]
            for truth, column in zip(targets.T, logits.T, strict=True)
            if (truth == 1).any()
        ]
        return float(np.mean(found)) if found else float(self.progress.epoch)

    def _objective(self, training: Sequence[Example]) -> Callable[[Tensor, TrainingBatch], Tensor]:
        exclusive = "category" in self.layout.choices
        taught = torch.from_numpy(taught_by(training))
        columns = _start(self.layout) + taught.nonzero().squeeze(1)

        def objective(scores: Tensor, batch: TrainingBatch) -> Tensor:
            logits = pool(scores, batch.clauses, self.layout)[:, columns]
            return loss_of(logits, batch.detected[:, taught], exclusive=exclusive) / len(logits)

        return objective


def of_categories(pooled: Scores, layout: Layout) -> Scores:
    """The columns of the categories, shape (comments, categories), of pooled logits."""
    return pooled[:, layout.category] if "category" in layout.choices else pooled[:, : len(layout.categories)]


def taught_by(examples: Sequence[Example]) -> Shown:
    """The categories that the examples show."""
    return shown(np.stack([example.detected for example in examples]))


def set_directions(
    network: Network, directions: Directions, layout: Layout, only: Shown | None = None
) -> None:
    """Write directions, all or `only` some of them, into a network of categories."""
    chosen = np.ones(len(directions.bias), dtype=bool) if only is None else only
    rows = torch.from_numpy(_start(layout) + np.flatnonzero(chosen))
    state = network.state_dict()  # its tensors are the network's own
    state["heads.1.weight"][rows] = torch.from_numpy(directions.weight[chosen])
    state["heads.1.bias"][rows] = torch.from_numpy(directions.bias[chosen])


def _start(layout: Layout) -> int:
    """Where the columns of the categories begin."""
    return int(layout.category.start) if "category" in layout.choices else 0


def example_of(window: Window, row: Targets) -> Example:
    """A comment as the loop takes it; `detected` holds its row of targets, NaN where nothing is known."""
    return Example(
        window=window,
        sentence_of=(0,) * len(window.spans),
        sentences=np.zeros((1, 0), dtype=np.float32),
        detected=row,
        sentiment=0,
        empathy=UNSAID,
        intent=0,
    )
