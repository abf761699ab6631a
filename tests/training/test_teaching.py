"""Teachers: what they say reaches the loss, and a student that only hears them learns what they know."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import models
from evaluation.base_encoder import base_encoder_path
from models import TaxonomyError, taxonomy
from models.encoder import Windows
from models.heads import Layout
from models.network import Network
from models.pipeline import read
from models.schema import Comment
from tests.tiny import CONFIG, write_tiny_artifact
from training.config import read_config
from training.examples import UNSAID, Example, make_batch, make_unlabelled, with_soft
from training.loop import Trainer
from training.loss import Objective
from training.teaching import refuse_strangers, taught

TAX = taxonomy.load()
LAYOUT = Layout(TAX)
TEXTS = ["The agent was kind. Nobody fixed my bill", "Late", "It took a week, but they called me back"]


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    windows = Windows(Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json")), CONFIG)
    return make_unlabelled([Comment(text) for text in TEXTS], windows, TAX)


def objective() -> Objective:
    return Objective(LAYOUT, read_config().loss, torch.ones(len(LAYOUT.detected)))


def test_teachers_speak_of_every_clause_and_are_asked_once(examples: list[Example], tmp_path: Path) -> None:
    teacher = write_tiny_artifact(tmp_path / "teacher")
    comments = [Comment(text) for text in TEXTS]
    said: list[str] = []
    kept = tmp_path / "soft.safetensors"
    found = taught(examples, comments, [teacher, teacher], kept, threads=1, fingerprint="a", say=said.append)
    scores = models.load(str(teacher)).scorer.score([read(comment) for comment in comments])
    for example, of_teacher in zip(found, scores, strict=True):
        assert example.soft is not None
        assert example.soft.shape == (len(example.sentence_of), LAYOUT.width)
        assert example.soft == pytest.approx(of_teacher, abs=2e-2)
    asked = len(said)
    again = taught(examples, comments, [teacher, teacher], kept, threads=1, fingerprint="a", say=said.append)
    assert len(said) == asked
    assert all(np.array_equal(one.soft, two.soft) for one, two in zip(found, again, strict=True))
    taught(examples, comments, [teacher, teacher], kept, threads=1, fingerprint="b", say=said.append)
    assert len(said) > asked


def test_a_student_that_says_the_same_has_the_least_loss(examples: list[Example]) -> None:
    generator = np.random.default_rng(0)
    told = [
        with_soft(each, generator.normal(size=(len(each.sentence_of), LAYOUT.width)).astype(np.float32))
        for each in examples
    ]
    batch = make_batch(told)
    assert batch.soft is not None
    same = objective()(batch.soft, batch)
    for _ in range(5):
        other = batch.soft + 0.3 * torch.randn_like(batch.soft)
        assert objective()(other, batch) > same


def test_a_known_polarity_counts_its_levels_together(examples: list[Example]) -> None:
    positive = make_batch([dataclasses.replace(examples[1], polarity=2)])
    unknown = make_batch([dataclasses.replace(examples[1], polarity=UNSAID)])
    scores = torch.zeros(*positive.clauses.shape, LAYOUT.width)
    assert objective()(scores, unknown) == 0
    assert objective()(scores, positive) == pytest.approx(-np.log(2 / 5), abs=1e-5)
    scores[..., LAYOUT.sentiment.start + 4] = 9
    assert objective()(scores, positive) < 0.01
    scores[..., LAYOUT.sentiment.start + 3] = 9
    assert objective()(scores, positive) < 0.01


def test_half_precision_learns_what_teachers_say(examples: list[Example], tmp_path: Path) -> None:
    wanted = np.full((1, LAYOUT.width), -9.0, dtype=np.float32)
    wanted[0, [3, LAYOUT.sentiment.start, LAYOUT.intent.start]] = 9.0
    told = [with_soft(each, np.repeat(wanted, len(each.sentence_of), axis=0)) for each in examples] * 8
    labelled = [dataclasses.replace(each, labelled=True) for each in examples]
    labelled[0].detected[3] = 1
    base = read_config()
    loop = dataclasses.replace(
        base.loop, epochs=8, batch_size=4, encoder_rate=1e-3, heads_rate=1e-2, threads=1, patience=0
    )
    config = dataclasses.replace(base, loop=dataclasses.replace(loop, half_precision=True, unlabelled=1.0))
    torch.manual_seed(0)
    trainer = Trainer(Network(CONFIG, LAYOUT.width), LAYOUT, config, tmp_path, fingerprint="x")
    trainer.fit([*told, labelled[0]], labelled)
    # Sure teachers leave little entropy: nearly all of the first loss can be learnt away.
    assert trainer.progress.history[-1]["loss"] < 0.6 * trainer.progress.history[0]["loss"]
    assert {weight.dtype for weight in trainer.network.parameters()} == {torch.float32}


def test_a_teacher_of_other_labels_is_named(tmp_path: Path) -> None:
    teacher = write_tiny_artifact(tmp_path / "teacher")
    refuse_strangers([teacher], TAX)
    fewer = dataclasses.replace(TAX, themes=TAX.themes[:3])
    with pytest.raises(TaxonomyError, match="model teacher: it tells other labels"):
        refuse_strangers([teacher], fewer)


def test_themes_without_empathy_can_be_taught() -> None:
    fewer = dataclasses.replace(TAX, themes=TAX.themes[:3])
    layout = Layout(fewer)
    windows = Windows(Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json")), CONFIG)
    each = make_unlabelled([Comment("Late")], windows, fewer)[0]
    batch = make_batch([with_soft(each, np.ones((1, layout.width), dtype=np.float32))])
    loss = Objective(layout, read_config().loss, torch.ones(len(layout.detected)))
    assert torch.isfinite(loss(torch.zeros(*batch.clauses.shape, layout.width), batch))
