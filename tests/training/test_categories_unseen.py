"""A category that comments do not show, for none has it or all have: its description alone speaks for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.category_network import CONTEXT
from models.heads import Layout, Scores
from models.schema import Comment
from models.taxonomy import Category, Taxonomy
from models.weights import load_weights
from tests.tiny import CONFIG, write_tiny_base
from training.categories.calibration import INTERCEPT, SLOPE, fixed, measured
from training.categories.directions import Directions, Targets, fit
from training.categories.encoder import CategoryEncoder, Vectors
from training.categories.lessons import Lessons, Stage
from training.categories.making import Maker
from training.categories.run import train_categories
from training.config import read_config

SHOWN = (0, 2)
"""The second of three is shown by no comment."""
SAID = ("Nowhere to park the car.", "The ward was dirty.", "The soup was cold.")


def taxonomy(*, exclusive: bool, count: int = 3) -> Taxonomy:
    found = tuple(Category(f"c{k}", f"Number {k}", SAID[k]) for k in range(count))
    return Taxonomy("mine", (), (), (), categories=found, exclusive=exclusive)


def drawn(count: int = 60) -> tuple[Directions, list[Vectors], Targets]:
    """Three directions, and comments of one clause near the first or the third."""
    generator = np.random.default_rng(0)
    start = Directions(np.eye(3, 8, dtype=np.float32) * 3, np.full(3, -1, dtype=np.float32))
    targets = np.eye(3, dtype=np.float32)[generator.choice(SHOWN, count)]
    noise = generator.normal(scale=0.6, size=(count, 1, 8)).astype(np.float32)
    return start, list((targets @ np.eye(3, 8, dtype=np.float32))[:, None] + noise), targets


@pytest.mark.parametrize("exclusive", [False, True])
def test_its_direction_stays_and_the_others_are_fitted_as_without_it(exclusive: bool) -> None:
    start, clauses, targets = drawn()
    found = fit(start, clauses, targets, exclusive=exclusive)
    assert (found.weight[1] == start.weight[1]).all()
    assert found.bias[1] == start.bias[1]
    kept = list(SHOWN)
    alone = Directions(start.weight[kept], start.bias[kept])
    others = fit(alone, clauses, targets[:, kept], exclusive=exclusive)
    assert (found.weight[kept] == others.weight).all()
    assert (found.bias[kept] == others.bias).all()
    assert (others.weight != alone.weight).any()


def test_where_categories_exclude_each_other_the_others_do_not_rise_above_it() -> None:
    start, clauses, targets = drawn()
    found = fit(start, clauses, targets, exclusive=True)
    assert found.bias[list(SHOWN)].mean() == pytest.approx(start.bias[1], abs=1e-3)
    of_it = [np.eye(3, 8, dtype=np.float32)[[1]]]
    assert found.logits(of_it, exclusive=True).argmax() == 1


def test_a_comment_without_words_does_not_show_it() -> None:
    start, clauses, targets = drawn()
    clauses[0], targets[0] = np.zeros((0, 8), dtype=np.float32), [0, 1, 0]
    assert fit(start, clauses, targets, exclusive=False).bias[1] == start.bias[1]


@pytest.mark.parametrize("without", [0, np.nan])
def test_one_that_every_comment_has_stays_as_described_and_keeps_the_fixed_scale(without: float) -> None:
    start, clauses, targets = drawn()
    targets[:, 0] = 1
    targets[:, 1] = without  # beside one that none has
    found = fit(start, clauses, targets, exclusive=False)
    assert found.bias[0] == start.bias[0]
    assert (found.weight[0] == start.weight[0]).all()
    assert (found.weight[2] != start.weight[2]).any()
    calibration, thresholds = measured(taxonomy(exclusive=False), logits_of(targets), targets)
    assert calibration.platt["c0"] == (SLOPE, INTERCEPT)
    assert thresholds["c0"] == thresholds["c1"]


def logits_of(targets: Targets) -> Scores:
    noise = np.random.default_rng(1).normal(size=targets.shape)
    return (targets * 3 - 1.5 + noise).astype(np.float32)


def test_its_probabilities_and_its_threshold_are_the_fixed_ones() -> None:
    *_, targets = drawn()
    logits, kept = logits_of(targets), list(SHOWN)
    targets[0, 1] = np.nan  # not known of it: that says nothing of the others
    calibration, thresholds = measured(taxonomy(exclusive=False), logits, targets)
    assert calibration.platt["c1"] == (SLOPE, INTERCEPT)
    assert thresholds["c1"] == fixed(taxonomy(exclusive=False), logits)[1]["c1"]
    assert list(thresholds) == ["c0", "c1", "c2"]
    renamed = replace(taxonomy(exclusive=False), categories=(Category("c0", "", ""), Category("c2", "", "")))
    alone, limits = measured(renamed, logits[:, kept], targets[:, kept])
    assert {name: calibration.platt[name] for name in limits} == alone.platt
    assert {name: thresholds[name] for name in limits} == limits
    assert calibration.errors == alone.errors


def test_a_person_looks_at_as_many_comments_as_they_asked_for() -> None:
    """The doubt of all categories is added up when serving, so it was when it was measured."""
    *_, targets = drawn(400)
    logits = logits_of(targets)
    calibration, thresholds = measured(taxonomy(exclusive=False), logits, targets)
    chances = calibration.detected(Layout(taxonomy(exclusive=False)), logits)
    given = chances >= np.array(list(thresholds.values()), dtype=np.float32)
    doubt = np.where(given, 1 - chances, chances).sum(axis=1)
    assert (doubt >= calibration.doubt).mean() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("examples", [9, 50])
def test_examples_of_one_category_alone_make_a_model_that_says_so(
    tmp_path: Path, count: int, examples: int
) -> None:
    """Fitted on comments that all have it, it would be found in everything."""
    encoder = CategoryEncoder(
        write_tiny_base(tmp_path), replace(CONFIG, max_question_tokens=0), context=CONTEXT, dropout=0.1
    )
    file = tmp_path / "run.toml"
    file.write_text("[loop]\nepochs = 1\nhalf_precision = false\nthreads = 1\n", "utf-8")
    tax, said = taxonomy(exclusive=False, count=count), list[str]()
    rows = np.eye(count, dtype=np.float32)[np.zeros(examples, dtype=int)]
    lessons = Lessons([Comment(f"Visit {n}. {SAID[0]}") for n in range(examples)], rows)
    config = read_config(file)
    train_categories(
        tax, lessons, tmp_path / "out", config, stage="examples", why="", encoder=encoder, say=said.append
    )
    assert any("every comment has c0" in line for line in said)
    weights = load_weights(tmp_path / "out" / "weights.safetensors")
    start = Maker(tax, encoder, config, tmp_path / "making").start
    assert weights["heads.1.bias"].numpy()[:count] == pytest.approx(start.bias, abs=1e-2)


@pytest.mark.parametrize(("stage", "count"), [("examples", 20), ("examples", 48), ("tuned", 64)])
@pytest.mark.parametrize("exclusive", [False, True])
def test_no_stage_moves_it(tmp_path: Path, stage: Stage, count: int, exclusive: bool) -> None:
    shape = replace(CONFIG, max_question_tokens=0)
    encoder = CategoryEncoder(write_tiny_base(tmp_path), shape, context=CONTEXT, dropout=0.1)
    file = tmp_path / "run.toml"
    file.write_text(
        "[loop]\nepochs = 2\nbatch_size = 8\nheads_rate = 0.05\nweight_decay = 0.5\n"
        "half_precision = false\nthreads = 1\n",
        "utf-8",
    )
    kinds = [SHOWN[n % 2] for n in range(count)]
    comments = [Comment(f"Visit {n}. {SAID[kind]}") for n, kind in enumerate(kinds)]
    maker = Maker(taxonomy(exclusive=exclusive), encoder, read_config(file), tmp_path / "making")
    made = maker.make(stage, Lessons(comments, np.eye(3, dtype=np.float32)[kinds]))
    state = made.network.state_dict()
    assert torch.equal(state["heads.1.weight"][1], torch.from_numpy(maker.start.weight[1]))
    assert state["heads.1.bias"][1] == maker.start.bias[1]
    assert not torch.equal(state["heads.1.weight"][:1], torch.from_numpy(maker.start.weight[:1]))
