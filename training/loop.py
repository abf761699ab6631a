"""The training loop, in plain torch, readable from top to bottom.

    network = Trainer(network, layout, config, folder).fit(training, held_out)

After each epoch the state is written to `folder/checkpoint` (safetensors and JSON), so that an interrupted run
goes on where the last finished epoch ended and gives the same weights as one that was never interrupted: the
order of an epoch and its dropout depend on the seed and the epoch's number alone.

In half precision the passes run on a bfloat16 twin of the network; gradients are applied to the float32 weights and
the twin is set anew after each step (mixed precision with master weights; Micikevicius et al. 2018).
"""

import copy
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
from torch.nn.attention import SDPBackend, sdpa_kernel

from evaluation.scores import average_precision
from models.heads import Layout, Scores
from models.network import Network
from training.config import RunConfig
from training.examples import Example, TrainingBatch, by_length, make_batch
from training.loss import Objective, pool, rarity_weights

Report = Callable[[int, int, float], None]
"""Called after each step with the step, the number of steps and the loss."""
CHECKPOINTS = ("checkpoint", "checkpoint.new", "checkpoint.old")
"""The folders of a run's state: the last, the one that is being written, the one that is being removed."""


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
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.network = network
        self.layout = layout
        self.config = config
        self.progress = Progress()
        self._folder, self._fresh, self._old = (folder / name for name in CHECKPOINTS)
        self._fingerprint = fingerprint
        self._report = report
        self._say = say
        for parameter in _kept(network, config):
            parameter.requires_grad_(False)
        self._trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimizer = _optimizer(network, config)
        self._twin = copy.deepcopy(network).to(torch.bfloat16) if config.loop.half_precision else network

    def fit(self, training: Sequence[Example], held_out: Sequence[Example]) -> Progress:
        """Train to the end or until the held-out score stops rising. The network then has the best weights."""
        torch.set_num_threads(self.config.loop.threads)
        objective = self._objective(training)
        self._resume()
        self._set_twin()
        while self.progress.epoch < self.config.loop.epochs and not self._stalled():
            # Without dropout torch would take its fused attention, whose way back is 2.5 times as slow on processors.
            with sdpa_kernel(SDPBackend.MATH):
                loss = self._epoch(training, objective)
            score = self.score(held_out)
            self.progress.history.append({"loss": loss, "held_out_map": score})
            better = score > self.progress.best_score
            if better:
                self.progress.best_epoch, self.progress.best_score = self.progress.epoch, score
            self.progress.epoch += 1
            self._save(better)
            self._say(
                f"epoch {self.progress.epoch} of {self.config.loop.epochs}: "
                f"loss {loss:.3f}, held-out mAP {score:.3f}"
            )
        if self.config.loop.epochs:
            self.network.load_state_dict(load_file(self._folder / "best.safetensors"))
            self._set_twin()
        return self.progress

    def score(self, examples: Sequence[Example]) -> float:
        """Mean average precision over the labels that occur: needs no threshold, weighs rare labels alike.

        With no label held out, the last epoch is taken for the best.
        """
        columns = [c for c in range(len(self.layout.labels)) if any(each.detected[c] for each in examples)]
        if not columns:
            return float(self.progress.epoch)
        logits = predict(self._twin, examples, self.layout)
        truth = np.stack([example.detected for example in examples]).astype(bool)
        return float(
            np.mean([average_precision(truth[:, c], logits[:, c].astype(float))[0] for c in columns])
        )

    def _objective(self, training: Sequence[Example]) -> Callable[[Tensor, TrainingBatch], Tensor]:
        """What `fit` makes small: (B, C, width) scores and their batch to a scalar."""
        return Objective(self.layout, self.config.loss, self._positive_weight(training))

    def _epoch(
        self, training: Sequence[Example], objective: Callable[[Tensor, TrainingBatch], Tensor]
    ) -> float:
        torch.manual_seed(self.config.seed * 1_000 + self.progress.epoch)
        order = random.Random(self.config.seed * 1_000 + self.progress.epoch)
        self._twin.train()
        size = self.config.loop.batch_size
        chosen = self._chosen(training)
        steps = math.ceil(len(chosen) / size) * self.config.loop.epochs
        losses = []
        for batch in _shuffled(chosen, training, size, order):
            losses.append(self._step(make_batch([training[place] for place in batch]), objective, steps))
            self._report(self.progress.step, steps, losses[-1])
        return float(np.mean(losses))

    def _chosen(self, training: Sequence[Example]) -> list[int]:
        """The examples of this epoch: a share of the labelled ones and one of the others, next time those that follow.

        Both are shuffled once, so that each share is a sample of all kinds.
        """
        chosen: list[int] = []
        for labelled, share in ((True, self.config.loop.labelled), (False, self.config.loop.unlabelled)):
            places = [place for place, example in enumerate(training) if example.labelled == labelled]
            random.Random(self.config.seed).shuffle(places)
            take = math.ceil(len(places) * share)
            start = self.progress.epoch * take
            chosen += [places[(start + step) % len(places)] for step in range(take)]
        return chosen

    def _step(
        self, batch: TrainingBatch, objective: Callable[[Tensor, TrainingBatch], Tensor], steps: int
    ) -> float:
        loop = self.config.loop
        rate = _rate(self.progress.step / steps, loop.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        loss: Tensor = objective(self._twin(*batch.inputs).float(), batch)
        self._twin.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._take_gradients()
        nn.utils.clip_grad_norm_(self._trained, loop.clip)
        self._optimizer.step()
        self._set_twin()
        self.progress.step += 1
        return loss.item()

    def _take_gradients(self) -> None:
        if self._twin is not self.network:
            halves = [parameter for parameter in self._twin.parameters() if parameter.requires_grad]
            for whole, half in zip(self._trained, halves, strict=True):
                whole.grad = None if half.grad is None else half.grad.float()

    @torch.no_grad()
    def _set_twin(self) -> None:
        if self._twin is not self.network:
            for half, whole in zip(self._twin.parameters(), self.network.parameters(), strict=True):
                if whole.requires_grad:
                    half.copy_(whole)

    def _positive_weight(self, training: Sequence[Example]) -> Tensor:
        detected = torch.from_numpy(np.stack([e.detected for e in training if e.labelled]))
        return rarity_weights(detected, self.config.loss.rarity)

    def _stalled(self) -> bool:
        patience = self.config.loop.patience
        return bool(patience) and self.progress.epoch - self.progress.best_epoch > patience

    def _save(self, best: bool) -> None:
        fresh = self._fresh
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
        (fresh / "progress.part").write_text(json.dumps(record), encoding="utf-8")
        os.replace(fresh / "progress.part", fresh / "progress.json")  # last of all: what has it is whole
        self._put_in_place()

    def _put_in_place(self) -> None:
        """A folder can't be replaced in one move; wherever this is cut off, _resume finds a whole one."""
        shutil.rmtree(self._old, ignore_errors=True)
        if self._folder.exists():
            os.replace(self._folder, self._old)
        os.replace(self._fresh, self._folder)
        shutil.rmtree(self._old, ignore_errors=True)

    def _resume(self) -> None:
        if (self._fresh / "progress.json").exists():  # whole, and newer than what stands in its place
            self._put_in_place()
        file = self._folder / "progress.json"
        if not file.exists():
            return
        record = json.loads(file.read_text(encoding="utf-8"))
        if record.pop("fingerprint") != self._fingerprint:
            return  # of other data or settings: start anew
        self.progress = Progress(**record)
        self.network.load_state_dict(load_file(self._folder / "network.safetensors"))
        stored = load_file(self._folder / "optimizer.safetensors")
        for name, parameter in self._named():
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(self.progress.step)),
                "exp_avg": stored[f"exp_avg.{name}"],
                "exp_avg_sq": stored[f"exp_avg_sq.{name}"],
            }

    def _moments(self) -> dict[str, Tensor]:
        return {
            f"{moment}.{name}": self._optimizer.state[parameter][moment]
            for name, parameter in self._named()
            for moment in ("exp_avg", "exp_avg_sq")
        }

    def _named(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, each) for name, each in self.network.named_parameters() if each.requires_grad]


@torch.no_grad()
def predict(network: Network, examples: Sequence[Example], layout: Layout) -> Scores:
    """Comment logits, shape (examples, layout.width - 1), without dropout."""
    network.eval()
    pooled = np.zeros((len(examples), layout.width - 1), dtype=np.float32)
    for places in by_length(examples, 4096):
        batch = make_batch([examples[place] for place in places])
        pooled[places] = pool(network(*batch.inputs).float(), batch.clauses, layout).numpy()
    return pooled


def _kept(network: Network, config: RunConfig) -> list[nn.Parameter]:
    """Parameters that stay as they were pretrained: word vectors and, of an MPNet, where words stand."""
    if not config.loop.frozen_embeddings:
        return []
    return [
        p for name, p in network.encoder.named_parameters() if name.startswith(("embeddings", "encoder.rel"))
    ]


def _optimizer(network: Network, config: RunConfig) -> torch.optim.AdamW:
    # Few groups and one fused step: a group for each parameter took as long as the passes.
    groups = []
    for of_heads, peak in ((False, config.loop.encoder_rate), (True, config.loop.heads_rate)):
        for matrices, decay in ((True, config.loop.weight_decay), (False, 0.0)):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad
                and name.startswith("heads.") == of_heads
                and (parameter.dim() > 1) == matrices
            ]
            groups.append({"params": chosen, "peak": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups, lr=0.0, fused=True)


def _rate(done: float, warmup: float) -> float:
    """Share of the peak rate: up in a straight line, then down in one."""
    return done / warmup if done < warmup else (1 - done) / (1 - warmup)


def _shuffled(
    chosen: Sequence[int], training: Sequence[Example], size: int, order: random.Random
) -> Iterator[list[int]]:
    """Batches of similar length in random order: shuffle, sort within sixteen batches, shuffle the batches."""
    places = list(chosen)
    order.shuffle(places)
    found: list[list[int]] = []
    for start in range(0, len(places), 16 * size):
        part = sorted(places[start : start + 16 * size], key=lambda place: len(training[place].window.ids))
        found += [part[i : i + size] for i in range(0, len(part), size)]
    order.shuffle(found)
    yield from found
