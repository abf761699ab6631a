"""How the network of each stage is made, and what its probabilities will rest on."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.errors import InputError
from models.heads import Layout, Scores
from models.network import Network
from models.taxonomy import Taxonomy
from training.categories.directions import Directions, Targets, described, fit
from training.categories.encoder import CategoryEncoder
from training.categories.lessons import Lessons, Stage, folds
from training.categories.tuning import CategoryTrainer, example_of, of_categories, set_directions, taught_by
from training.config import RunConfig
from training.loop import Progress, Report, predict
from training.split import held_out

WORTH_TUNING = 40
"""Comments with a category under which the encoder of stage examples stays as it was published."""
_FOLDS_FROZEN, _FOLDS_TUNED = 5, 3


@dataclass(frozen=True)
class Made:
    """A network, and labelled comments whose logits it, or its like, was not taught.

    `crossed`: logits by networks made without these comments, shape (comments, categories); None where the
    finished model itself is to be asked about `unseen`, comments that were held out.
    """

    network: Network
    unseen: Lessons | None = None
    crossed: Scores | None = None
    record: dict[str, Any] = field(default_factory=dict)


class Maker:
    """Makes networks for one taxonomy. `folder` holds what a run needs to go on after an interruption."""

    def __init__(
        self,
        tax: Taxonomy,
        encoder: CategoryEncoder,
        config: RunConfig,
        folder: Path,
        report: Report = lambda step, steps, loss: None,
    ) -> None:
        self.start = described(tax, encoder)
        self._tax = tax
        self._layout = Layout(tax)
        self._encoder = encoder
        self._config = config
        self._folder = folder
        self._report = report

    def make(self, stage: Stage, lessons: Lessons) -> Made:
        """The network of a stage.

        Raises `InputError` (code "too_few_comments") where none can be kept apart to measure on.
        """
        torch.manual_seed(self._config.seed)
        if stage == "described":
            return Made(self._with(self.start))
        if stage == "tuned":
            training, held = self._split(lessons)
            network, progress = self._tuned(training, held, "tuned")
            return Made(network, unseen=held, record=_record(progress))
        if lessons.taught < WORTH_TUNING:
            clauses = self._encoder.clauses(lessons.comments)
            network = self._with(self._fitted(clauses, lessons.targets))
            return Made(network, *self._crossed(lessons), {"epochs": 0})
        network, progress = self._tuned(lessons, None, "tuned")
        return Made(network, *self._crossed_tuned(lessons), _record(progress))

    def _with(self, directions: Directions) -> Network:
        network = self._encoder.network(self._layout.width)
        set_directions(network, directions, self._layout)
        return network

    def _fitted(self, clauses: Sequence[Any], targets: Targets) -> Directions:
        return fit(self.start, clauses, targets, exclusive=self._tax.exclusive)

    def _tuned(self, training: Lessons, held: Lessons | None, name: str) -> tuple[Network, Progress]:
        network = self._with(self._fitted(self._encoder.clauses(training.comments), training.targets))
        trainer = CategoryTrainer(
            network,
            self._layout,
            self._config,
            self._folder / name,
            fingerprint=f"{training.fingerprint} {self._config.to_dict()} {self._tax.to_json()}",
            report=self._report,
        )
        sides = [self._examples(side) for side in (training, held) if side is not None]
        if not all(sides):
            raise InputError(
                "the comments are too much alike: once some are kept apart to measure on, with all that are nearly the "
                "same, none with words is left to learn from or to measure on",
                code="too_few_comments",
            )
        progress = trainer.fit(sides[0], sides[1] if held else [])
        # No comment moved these, but weight decay made them smaller.
        set_directions(network, self.start, self._layout, only=~taught_by(sides[0]))
        return network, progress

    def _examples(self, lessons: Lessons) -> list[Any]:
        windows = self._encoder.first_windows(lessons.comments)
        pairs = zip(windows, lessons.targets, strict=True)
        return [example_of(window, row) for window, row in pairs if window is not None]

    def _crossed(self, lessons: Lessons) -> tuple[Lessons, Scores]:
        """All comments, each with logits by directions that were fitted without it."""
        clauses = self._encoder.clauses(lessons.comments)
        logits = np.zeros_like(lessons.targets)
        for part, rest in _parts(lessons, _FOLDS_FROZEN, self._config.seed):
            found = self._fitted([clauses[place] for place in rest], lessons.targets[rest])
            logits[part] = found.logits([clauses[place] for place in part], exclusive=self._tax.exclusive)
        return lessons, logits

    def _crossed_tuned(self, lessons: Lessons) -> tuple[Lessons, Scores]:
        """The same with tuned networks: all comments; a third where only a temperature is to be found."""
        parts = _parts(lessons, _FOLDS_TUNED, self._config.seed)[: 1 if self._tax.exclusive else None]
        logits = np.zeros_like(lessons.targets)
        for turn, (part, rest) in enumerate(parts):
            network, _ = self._tuned(lessons.part(rest), None, f"fold-{turn}")
            windows = self._encoder.first_windows([lessons.comments[place] for place in part])
            worded = [place for place, window in zip(part, windows, strict=True) if window is not None]
            pooled = predict(network, self._examples(lessons.part(worded)), self._layout)
            logits[worded] = of_categories(pooled, self._layout)
        asked = sorted(place for part, _ in parts for place in part)
        return lessons.part(asked), logits[asked]

    def _split(self, lessons: Lessons) -> tuple[Lessons, Lessons]:
        texts = [comment.text for comment in lessons.comments]
        sides = held_out(texts, self._config.data.held_out, seed=self._config.seed)
        # What is known in part teaches, but cannot be measured on.
        known = np.asarray(~np.isnan(lessons.targets).any(axis=1))
        held = [place for place, side in enumerate(sides) if side and known[place]]
        rest = sorted(set(range(len(sides))) - set(held))
        return lessons.part(rest), lessons.part(held)

    def clear(self) -> None:
        """Remove what is needed only until a model is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _parts(lessons: Lessons, count: int, seed: int) -> list[tuple[list[int], list[int]]]:
    everything = set(range(len(lessons.comments)))
    return [(part, sorted(everything - set(part))) for part in folds(lessons, count, seed=seed) if part]


def _record(progress: Progress) -> dict[str, Any]:
    return {
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch + 1,
        "history": progress.history,
    }
