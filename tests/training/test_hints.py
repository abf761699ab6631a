"""Hints: a teacher's states stand after its logits, and a student's come to give them, cut off or not."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from evaluation.base_encoder import base_encoder_path
from models import InputError, taxonomy
from models.encoder import Windows
from models.heads import Layout
from models.network import Network
from models.schema import Comment
from models.weights import load_weights
from tests.tiny import CONFIG, write_tiny_artifact
from training.config import RunConfig, read_config
from training.examples import Example, make_batch, make_unlabelled
from training.hints import Hints
from training.loop import Trainer
from training.teaching import taught

TAX = taxonomy.load()
LAYOUT = Layout(TAX)
TEXTS = [
    f"The {who} was {how}. Nobody fixed my bill"
    for who in ("agent", "chef")
    for how in ("kind", "rude", "late")
]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_artifact(tmp_path_factory.mktemp("hints") / "teacher")


@pytest.fixture(scope="module")
def examples(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    windows = Windows(Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json")), CONFIG)
    comments = [Comment(text) for text in TEXTS]
    kept = tmp_path_factory.mktemp("soft") / "soft.safetensors"
    unlabelled = make_unlabelled(comments, windows, TAX)
    told = taught(unlabelled, comments, [teacher], kept, threads=1, fingerprint="a", hints=True)
    return [*told, dataclasses.replace(told[0], labelled=True)]


def config(hint: float, epochs: int) -> RunConfig:
    base = read_config()
    loop = dataclasses.replace(
        base.loop, epochs=epochs, batch_size=2, encoder_rate=3e-3, unlabelled=1.0, patience=0, threads=1
    )
    loss = dataclasses.replace(
        base.loss, hint=hint, soft=0.0, sentence=0.0, comment=0.0, sentiment=0.0, intent=0.0
    )
    return dataclasses.replace(base, loop=loop, loss=loss)


def trainer(folder: Path, examples: list[Example], epochs: int = 6) -> Trainer:
    torch.manual_seed(3)
    hints = Hints(CONFIG.hidden_size, examples, LAYOUT)
    network = Network(CONFIG, LAYOUT.width)
    return Trainer(network, LAYOUT, config(1.0, epochs), folder, fingerprint="a", hints=hints)


def test_states_stand_after_the_logits(teacher: Path, examples: list[Example]) -> None:
    network = Network(CONFIG, LAYOUT.width)
    network.load_state_dict(load_weights(teacher / "weights.safetensors"))
    batch = make_batch(examples)
    with torch.no_grad():
        states = network.eval().clauses(*batch.inputs)
        assert torch.equal(network.heads(states), network(*batch.inputs))
    assert batch.soft is not None
    assert batch.soft.shape[2] == LAYOUT.width + CONFIG.hidden_size
    real = batch.clauses
    told, own = (
        batch.soft[real],
        torch.cat([network.heads(states), states[..., : CONFIG.hidden_size]], dim=-1)[real],
    )
    assert torch.allclose(told, own, atol=0.05)  # of a teacher in half precision


def test_a_student_that_hears_hints_alone_comes_to_read_as_its_teacher(
    examples: list[Example], tmp_path: Path
) -> None:
    one = trainer(tmp_path, examples, epochs=30)
    one.fit(examples, examples[-1:])
    history = one.progress.history
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]


def test_the_same_states_in_its_own_measure_miss_nothing(examples: list[Example]) -> None:
    hints = Hints(CONFIG.hidden_size, examples, LAYOUT)
    batch = make_batch(examples)
    assert batch.soft is not None
    with torch.no_grad():
        hints.map.weight.copy_(torch.diag(1 / hints.spread))
        hints.map.bias.copy_(-hints.mean / hints.spread)
    assert hints(batch.soft[..., LAYOUT.width :], batch) < 1e-8
    assert hints(batch.soft[..., LAYOUT.width :] + 1, batch) > 0.1
    silent = make_batch([dataclasses.replace(examples[0], soft=None)])
    assert hints(torch.ones(1, 2, CONFIG.hidden_size), silent) == 0


def test_an_interrupted_run_keeps_its_map(examples: list[Example], tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", examples)
    whole.fit(examples, examples[-1:])
    cut = trainer(tmp_path / "cut", examples)

    def pull_the_plug(step: int, steps: int, loss: float) -> None:
        if step == steps // 2 + 1:
            raise KeyboardInterrupt

    cut._report = pull_the_plug
    with pytest.raises(KeyboardInterrupt):
        cut.fit(examples, examples[-1:])
    again = trainer(tmp_path / "cut", examples)
    assert again.fit(examples, examples[-1:]) == whole.progress
    weights = again.network.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in whole.network.state_dict().items())


def test_states_of_several_teachers_are_refused(teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"loss\.hint: needs one teacher, there are 2"):
        taught([], [], [teacher, teacher], tmp_path / "soft", threads=1, fingerprint="a", hints=True)
