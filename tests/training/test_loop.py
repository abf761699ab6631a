"""The loop learns, and an interrupted run ends where an uninterrupted one does."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from evaluation.base_encoder import base_encoder_path
from evaluation.gold import LabelledComment, LabelledMention, Labels
from models import taxonomy
from models.encoder import Windows
from models.heads import Layout
from models.network import Network
from models.pipeline import read
from models.segments import Span, sentences
from tests.tiny import CONFIG
from training.config import RunConfig, read_config
from training.examples import Example, make_batch, make_examples
from training.loop import Trainer
from training.loss import pool

TAX = taxonomy.load()
LAYOUT = Layout(TAX)
KIND, LATE = "The agent was so kind.", "The parcel came late."


def labelled(number: int, *parts: str) -> LabelledComment:
    """A comment of sentences that are kind or late, labelled so."""
    text = " ".join(parts)
    spans = tuple(sentences(text))
    found = {part: tuple(s for s in spans if text[s.start : s.end] == part) for part in (KIND, LATE)}
    return LabelledComment(
        id=str(number), text=text, question=None, source="ours", industry="retail", draw="random", train=True,
        sentences=spans,
        labels=Labels(
            issues=mention("unmet_expectations", "expectations", found[LATE]),
            strengths=mention("caring_treatment", "empathy", found[KIND]),
            sentiment=-1 if found[LATE] else 1, mixed=bool(found[KIND] and found[LATE]),
            empathy=1 if found[KIND] else None, effort=None, loyalty=None, intent="other", touchpoints=(),
        ),
    )  # fmt: skip


def mention(id: str, theme: str, evidence: tuple[Span, ...]) -> tuple[LabelledMention, ...]:
    return (LabelledMention(id, theme, evidence),) if evidence else ()


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    tokenizer = Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json"))
    kinds = [(KIND,), (LATE,), (KIND, LATE), ("We were there on Monday.",)]
    comments = [labelled(i, *kinds[i % 4]) for i in range(48)]
    return make_examples(comments, Windows(tokenizer, CONFIG), TAX)


def config(epochs: int) -> RunConfig:
    base = read_config()
    loop = dataclasses.replace(
        base.loop, epochs=epochs, batch_size=8, encoder_rate=5e-3, patience=0, half_precision=False, threads=1
    )
    return dataclasses.replace(base, loop=loop)


def trainer(folder: Path, epochs: int = 4, fingerprint: str = "a") -> Trainer:
    torch.manual_seed(1)
    return Trainer(Network(CONFIG, LAYOUT.width), LAYOUT, config(epochs), folder, fingerprint=fingerprint)


class Interrupted(Exception):
    """The plug was pulled."""


def test_an_example_knows_its_sentences(examples: list[Example]) -> None:
    both = examples[2]
    late, kind = LAYOUT.index("unmet_expectations"), LAYOUT.index("caring_treatment")
    assert both.sentence_of == (0, 1)
    assert both.sentences[:, [kind, late]].tolist() == [[1, 0], [0, 1]]
    assert both.detected[[kind, late]].tolist() == [1, 1]


def test_pooling_in_training_is_pooling_in_serving(examples: list[Example]) -> None:
    batch = make_batch(examples[:4])
    scores = torch.randn(*batch.clauses.shape, LAYOUT.width)
    pooled = pool(scores, batch.clauses, LAYOUT)
    for row, example in enumerate(examples[:4]):
        served = LAYOUT.pool(scores[row, : len(example.sentence_of)].numpy(), [len(example.sentence_of)])[0]
        assert pooled[row].numpy() == pytest.approx(served, abs=1e-5)


def test_it_learns_and_finds_the_sentence(examples: list[Example], tmp_path: Path) -> None:
    one = trainer(tmp_path, epochs=12)
    progress = one.fit(examples, examples[:16])
    assert progress.best_score > 0.99
    batch = make_batch(examples[2:3])
    with torch.no_grad():
        scores = one.network(*batch.inputs)[0]
    assert int(scores[:, LAYOUT.index("caring_treatment")].argmax()) == 0
    assert int(scores[:, LAYOUT.index("unmet_expectations")].argmax()) == 1


def test_an_interrupted_run_ends_with_the_same_weights(examples: list[Example], tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.fit(examples, examples[:16])

    def pull_the_plug(step: int, steps: int, loss: float) -> None:
        if step == steps // 2 + 2:
            raise Interrupted

    cut = trainer(tmp_path / "cut")
    cut._report = pull_the_plug
    with pytest.raises(Interrupted):
        cut.fit(examples, examples[:16])
    again = trainer(tmp_path / "cut")
    progress = again.fit(examples, examples[:16])
    assert progress == whole.progress
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, again.network.state_dict()[name]), name


def test_a_checkpoint_of_other_data_is_not_resumed(examples: list[Example], tmp_path: Path) -> None:
    trainer(tmp_path, epochs=1).fit(examples, examples[:16])
    other = trainer(tmp_path, epochs=1, fingerprint="b")
    assert len(other.fit(examples, examples[:16]).history) == 1
    assert other.progress.step == int(np.ceil(len(examples) / 8))


def test_an_epoch_takes_its_share_of_both_and_the_next_one_others(
    examples: list[Example], tmp_path: Path
) -> None:
    one = trainer(tmp_path)
    one.config = dataclasses.replace(
        one.config, loop=dataclasses.replace(one.config.loop, labelled=0.5, unlabelled=0.25)
    )
    mixed = examples[:12] + [dataclasses.replace(example, labelled=False) for example in examples[:16]]
    epochs = []
    for one.progress.epoch in range(4):
        epochs.append(set(one._chosen(mixed)))
    assert [len(epoch) for epoch in epochs] == [6 + 4] * 4
    assert set().union(*epochs) == set(range(28))
    assert epochs[0] & epochs[1] == set()
    assert epochs[0] & epochs[2] == {place for place in epochs[0] if place < 12}


@pytest.mark.parametrize("held", [1, 0])
def test_with_no_label_held_out_the_last_epoch_is_the_best(
    examples: list[Example], tmp_path: Path, held: int
) -> None:
    """The fourth kind of comment has none."""
    progress = trainer(tmp_path, epochs=2).fit(examples, examples[3::4][:held])
    assert (progress.best_epoch, progress.epoch) == (1, 2)


def test_a_whole_new_checkpoint_is_taken_before_a_partial_old_one(
    examples: list[Example], tmp_path: Path
) -> None:
    whole = trainer(tmp_path, epochs=2)
    whole.fit(examples, examples[:16])
    folder = tmp_path / "checkpoint"
    shutil.copytree(folder, tmp_path / "checkpoint.new")
    (folder / "network.safetensors").unlink()
    again = trainer(tmp_path, epochs=2)
    assert again.fit(examples, examples[:16]) == whole.progress
    assert again.progress.step == whole.progress.step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint"]


def test_a_crash_while_the_old_checkpoint_is_removed_leaves_the_new_one(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, crashes = shutil.rmtree, [False]

    def half_removed(folder: Path, **options: bool) -> None:
        if folder.exists() and folder.name != "checkpoint.new" and crashes[0]:
            next(folder.iterdir()).unlink()
            raise Interrupted
        remove(folder, **options)

    def crash_from_here(step: int, steps: int, loss: float) -> None:
        crashes[0] = step > steps // 2

    monkeypatch.setattr(shutil, "rmtree", half_removed)
    cut = trainer(tmp_path, epochs=2)
    cut._report = crash_from_here
    with pytest.raises(Interrupted):
        cut.fit(examples, examples[:16])
    monkeypatch.undo()
    again = trainer(tmp_path, epochs=2)
    again._report = lambda step, steps, loss: pytest.fail("both epochs were done")
    assert again.fit(examples, examples[:16]) == cut.progress


def test_a_comment_longer_than_a_window_is_an_example_of_what_fits(examples: list[Example]) -> None:
    tokenizer = Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json"))
    long = labelled(99, *([KIND, LATE] * 20))
    (example,) = make_examples([long], Windows(tokenizer, CONFIG), TAX)
    assert len(example.sentence_of) < len(read(long.comment).spans)
    assert example.sentences.shape[0] == 40
