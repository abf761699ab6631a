"""The training loop, in plain torch, readable from top to bottom.

    network = Trainer(network, layout, config, folder).fit(training, held_out)

After each epoch the state is written to `folder/checkpoint` (safetensors and JSON), so that an interrupted run
goes on where the last finished epoch ended and gives the same weights as one that was never interrupted: the
order of an epoch and its dropout depend on the seed and the epoch's number alone.
"""

import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluation.scores import average_precision
from models.encoder import batches
from models.heads import Layout, Scores
from models.network import Network
from training.config import RunConfig
from training.examples import Example, TrainingBatch, make_batch
from training.loss import Objective, pool, rarity_weights

Report = Callable[[int, int, float], None]
"""Called after each step with the step, the number of steps and the loss."""


@dataclass
class Progress:
    """Where a run stands: all of it that is not a tensor."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Fits a network; keeps the weights of the epoch that scored best on the held-out comments."""

    def __init__(
        self,
        network: Network,
        layout: Layout,
        config: RunConfig,
        folder: Path,
        *,
        fingerprint: str,
        report: Report = lambda step, steps, loss: None,
    ) -> None:
        self.network = network
        self.layout = layout
        self.config = config
        self.progress = Progress()
        self._folder = folder / "checkpoint"
        self._fingerprint = fingerprint
        self._report = report
        self._optimizer = _optimizer(network, config)

    def fit(self, training: Sequence[Example], held_out: Sequence[Example]) -> Progress:
        """Train to the end or until the held-out score stops rising. The network then has the best weights."""
        torch.set_num_threads(self.config.loop.threads)
        objective = Objective(self.layout, self.config.loss, self._positive_weight(training))
        self._resume()
        while self.progress.epoch < self.config.loop.epochs and not self._stalled():
            loss = self._epoch(training, objective)
            score = self.score(held_out)
            self.progress.history.append({"loss": loss, "held_out_map": score})
            better = score > self.progress.best_score
            if better:
                self.progress.best_epoch, self.progress.best_score = self.progress.epoch, score
            self.progress.epoch += 1
            self._save(better)
        self.network.load_state_dict(load_file(self._folder / "best.safetensors"))
        self.network.eval()
        return self.progress

    def score(self, examples: Sequence[Example]) -> float:
        """Mean average precision over the labels that occur: needs no threshold, weighs rare labels alike."""
        logits = self.predict(examples)
        truth = np.stack([example.detected for example in examples]).astype(bool)
        columns = [c for c in range(len(self.layout.labels)) if truth[:, c].any()]
        return float(
            np.mean([average_precision(truth[:, c], logits[:, c].astype(float))[0] for c in columns])
        )

    @torch.no_grad()
    def predict(self, examples: Sequence[Example]) -> Scores:
        """Comment logits, shape (examples, layout.width - 1)."""
        self.network.eval()
        pooled = np.zeros((len(examples), self.layout.width - 1), dtype=np.float32)
        for places in batches([len(example.window.ids) for example in examples], 4096):
            batch = make_batch([examples[place] for place in places])
            pooled[places] = pool(self.network(*batch.inputs), batch.clauses, self.layout).numpy()
        return pooled

    def _epoch(self, training: Sequence[Example], objective: Objective) -> float:
        torch.manual_seed(self.config.seed * 1_000 + self.progress.epoch)
        order = random.Random(self.config.seed * 1_000 + self.progress.epoch)
        self.network.train()
        size = self.config.loop.batch_size
        steps = math.ceil(len(training) / size) * self.config.loop.epochs
        losses = []
        for places in _shuffled(training, size, order):
            losses.append(self._step(make_batch([training[place] for place in places]), objective, steps))
            self._report(self.progress.step, steps, losses[-1])
        return float(np.mean(losses))

    def _step(self, batch: TrainingBatch, objective: Objective, steps: int) -> float:
        loop = self.config.loop
        rate = _rate(self.progress.step / steps, loop.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=loop.half_precision):
            scores = self.network(*batch.inputs)
        loss: Tensor = objective(scores.float(), batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), loop.clip)
        self._optimizer.step()
        self.progress.step += 1
        return loss.item()

    def _positive_weight(self, training: Sequence[Example]) -> Tensor:
        detected = torch.from_numpy(np.stack([example.detected for example in training]))
        return rarity_weights(detected, self.config.loss.rarity)

    def _stalled(self) -> bool:
        patience = self.config.loop.patience
        return bool(patience) and self.progress.epoch - self.progress.best_epoch > patience

    def _save(self, best: bool) -> None:
        fresh = self._folder.with_name("checkpoint.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        save_file(weights, fresh / "network.safetensors")
        if best:
            save_file(weights, fresh / "best.safetensors")
        else:
            shutil.copyfile(self._folder / "best.safetensors", fresh / "best.safetensors")
        save_file(self._moments(), fresh / "optimizer.safetensors")
        record = {"fingerprint": self._fingerprint, **asdict(self.progress)}
        (fresh / "progress.json").write_text(json.dumps(record), encoding="utf-8")
        # A folder can't be replaced in one move: a crash between these two leaves checkpoint.new, found by _resume.
        shutil.rmtree(self._folder, ignore_errors=True)
        os.replace(fresh, self._folder)

    def _resume(self) -> None:
        fresh = self._folder.with_name("checkpoint.new")
        if not self._folder.exists() and (fresh / "progress.json").exists():
            os.replace(fresh, self._folder)
        file = self._folder / "progress.json"
        if not file.exists():
            return
        record = json.loads(file.read_text(encoding="utf-8"))
        if record.pop("fingerprint") != self._fingerprint:
            return  # of other data or settings: start anew
        self.progress = Progress(**record)
        self.network.load_state_dict(load_file(self._folder / "network.safetensors"))
        stored = load_file(self._folder / "optimizer.safetensors")
        for name, parameter in self.network.named_parameters():
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(self.progress.step)),
                "exp_avg": stored[f"exp_avg.{name}"],
                "exp_avg_sq": stored[f"exp_avg_sq.{name}"],
            }

    def _moments(self) -> dict[str, Tensor]:
        return {
            f"{moment}.{name}": self._optimizer.state[parameter][moment]
            for name, parameter in self.network.named_parameters()
            for moment in ("exp_avg", "exp_avg_sq")
        }


def _optimizer(network: Network, config: RunConfig) -> torch.optim.AdamW:
    groups = [
        {
            "params": [parameter],
            "peak": config.loop.heads_rate if name.startswith("heads.") else config.loop.encoder_rate,
            "weight_decay": config.loop.weight_decay if parameter.dim() > 1 else 0.0,
        }
        for name, parameter in network.named_parameters()
    ]
    return torch.optim.AdamW(groups, lr=0.0)


def _rate(done: float, warmup: float) -> float:
    """Share of the peak rate: up in a straight line, then down in one."""
    return done / warmup if done < warmup else (1 - done) / (1 - warmup)


def _shuffled(training: Sequence[Example], size: int, order: random.Random) -> Iterator[list[int]]:
    """Batches of similar length in random order: shuffle, sort within sixteen batches, shuffle the batches."""
    places = list(range(len(training)))
    order.shuffle(places)
    found: list[list[int]] = []
    for start in range(0, len(places), 16 * size):
        part = sorted(places[start : start + 16 * size], key=lambda place: len(training[place].window.ids))
        found += [part[i : i + size] for i in range(0, len(part), size)]
    order.shuffle(found)
    yield from found
