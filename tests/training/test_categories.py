"""A model of one's own categories from a file to a folder that serves, at every stage, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import models
from evaluation.categorized import read_categorized
from models.categories import OwnCategories, read_categories
from models.command import main
from models.errors import InputError
from models.schema import Comment
from tests.tiny import CONFIG, write_tiny_base
from training.categories.command import _read
from training.categories.directions import Directions, described, fit, loss_of
from training.categories.encoder import CategoryEncoder
from training.categories.lessons import Lessons, Stage, choose_stage, folds, lessons_of
from training.categories.making import Maker
from training.categories.run import train_categories
from training.config import RunConfig, read_config

CAR = ["Nowhere to park.", "The car park was full.", "Parking is dear.", "I could not park my car."]
FOOD = ["The soup was cold.", "Lovely lunch.", "Soup and lunch were good.", "The lunch was late."]
TOML = """
version = "shop-1"
exclusive = {exclusive}
[[categories]]
id = "parking"
name = "Parking"
description = "Finding a place to park a car."
examples = {car}
[[categories]]
id = "food"
name = "Food"
description = "Lunch, soup and what else there is to eat."
examples = {food}
counter_examples = ["Food for thought."]
"""


def own(folder: Path, *, exclusive: bool = False, examples: bool = True) -> Path:
    file = folder / "mine.toml"
    car, food = (json.dumps(texts if examples else []) for texts in (CAR, FOOD))
    text = TOML.format(exclusive=str(exclusive).lower(), car=car, food=food)
    file.write_text(
        text if examples else text.replace('counter_examples = ["Food for thought."]', ""), "utf-8"
    )
    return file


def labelled(folder: Path, count: int) -> Path:
    """Comments about one of the two, no two alike."""
    file = folder / "labelled.jsonl"
    lines = [
        {"id": str(n), "text": f"Visit {n}. {kind[n // 2 % 4]}", "labels": {"categories": [id]}}
        for n in range(count)
        for id, kind in [("parking", CAR) if n % 2 else ("food", FOOD)]
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], CategoryEncoder]:
    """An encoder with random weights and the true tokenizer."""
    base = write_tiny_base(tmp_path_factory.mktemp("base"))
    return lambda: CategoryEncoder(base, CONFIG, context=0.3, dropout=0.1)


def config(folder: Path) -> RunConfig:
    file = folder / "run.toml"
    file.write_text(
        "[loop]\nepochs = 6\nbatch_size = 8\nencoder_rate = 3e-3\nhalf_precision = false\nthreads = 1\n",
        "utf-8",
    )
    return read_config(file)


def lessons(folder: Path, count: int, *, exclusive: bool = False) -> tuple[OwnCategories, Lessons]:
    found = read_categories(own(folder, exclusive=exclusive))
    return found, lessons_of(
        found, read_categorized(labelled(folder, count), found.taxonomy) if count else []
    )


@pytest.mark.parametrize(
    ("stage", "count", "exclusive"),
    [
        ("examples", 0, False),
        ("examples", 48, True),
        ("examples", 48, False),
        ("tuned", 96, False),
        ("tuned", 96, True),
    ],
)
def test_every_stage_makes_a_model_that_serves(
    tmp_path: Path, tiny: Callable[[], CategoryEncoder], stage: str, count: int, exclusive: bool
) -> None:
    found, taught = lessons(tmp_path, count, exclusive=exclusive)
    output = tmp_path / "model"
    version = train_categories(
        found.taxonomy, taught, output, config(tmp_path), stage=stage, why="asked for", encoder=tiny()  # type: ignore[arg-type]
    )  # fmt: skip
    pipeline = models.load(output)
    assert pipeline.version == version
    assert not (output / "making").exists()
    card = json.loads((output / "card.json").read_text())
    assert card["training"]["onnx_float32_largest_difference"] < 1e-4
    assert (
        "Nowhere to park" not in (output / "card.json").read_text() + (output / "taxonomy.json").read_text()
    )
    asked = [models.Comment(text) for text in (CAR[0], FOOD[0])]
    said = [{m.id for m in analysis.categories} for analysis in pipeline.analyze(asked)]
    if count:
        assert said == [{"parking"}, {"food"}]
    torch_says = models.load(output, runtime="torch").pooled(asked)
    # int8 activations in the one, of an encoder of toy size
    assert np.abs(torch_says - pipeline.pooled(asked)).max() < 0.1 * np.ptp(torch_says)


@pytest.mark.slow
def test_descriptions_alone_find_what_they_describe(tmp_path: Path) -> None:
    file, output = own(tmp_path, examples=False), tmp_path / "model"
    done = CliRunner().invoke(main, ["train", "--taxonomy", str(file), "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert "stage described" in done.output
    texts = ["Could not find anywhere to leave the car.", "The sandwich was stale.", "My name is Ann."]
    analyses = models.load(output).analyze([models.Comment(text) for text in texts])
    assert [[m.id for m in a.categories] for a in analyses] == [["parking"], ["food"], []]
    again = CliRunner().invoke(main, ["train", "--taxonomy", str(file), "--output", str(output)])
    assert again.exit_code == 2
    assert "output_exists" in again.output


def test_examples_and_counter_examples_are_targets(tmp_path: Path) -> None:
    _, taught = lessons(tmp_path, 2)
    assert taught.support == [1 + 4, 1 + 4]
    assert taught.targets[:2].tolist() == [[0, 1], [1, 0]]
    assert np.isnan(taught.targets[-1, 0])
    assert taught.targets[-1, 1] == 0


@pytest.mark.parametrize(("count", "stage"), [(0, "examples"), (900, "examples"), (1000, "tuned")])
def test_the_stage_follows_from_how_much_there_is(tmp_path: Path, count: int, stage: str) -> None:
    _, taught = lessons(tmp_path, count)
    assert choose_stage(taught, None)[0] == stage
    assert choose_stage(taught, "described")[0] == "described"


def test_without_examples_descriptions_speak(tmp_path: Path) -> None:
    found = read_categories(own(tmp_path, examples=False))
    assert choose_stage(lessons_of(found, []), None)[0] == "described"


def test_equal_texts_share_a_fold(tmp_path: Path) -> None:
    _, taught = lessons(tmp_path, 30)
    twice = Lessons(taught.comments * 2, np.concatenate([taught.targets] * 2))
    parts = folds(twice, 3, seed=1)
    assert sorted(place for part in parts for place in part) == list(range(len(twice.comments)))
    for part in parts:
        assert {place % len(taught.comments) for place in part} == {
            place for place in part if place < len(taught.comments)
        }


def test_examples_move_directions_and_without_them_nothing_moves() -> None:
    start = Directions(np.eye(2, 4, dtype=np.float32), np.full(2, -1, dtype=np.float32))
    clauses = [np.eye(4, dtype=np.float32)[[k]] for k in (2, 3, 2, 3)]
    targets = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=np.float32)
    before, after = start.logits(clauses, exclusive=False), fit(start, clauses, targets, exclusive=False)
    assert (before == -1).all()
    assert ((after.logits(clauses, exclusive=False) > 0) == (targets == 1)).all()
    unknown = fit(start, clauses, np.full((4, 2), np.nan, dtype=np.float32), exclusive=True)
    assert unknown.weight == pytest.approx(start.weight, abs=1e-4)


def test_with_no_category_held_out_the_last_epoch_is_the_best(
    tmp_path: Path, tiny: Callable[[], CategoryEncoder]
) -> None:
    found, taught = lessons(tmp_path, 8)
    maker = Maker(found.taxonomy, tiny(), config(tmp_path), tmp_path / "making")
    none = Lessons(taught.comments[:2], np.zeros((2, 2), dtype=np.float32))
    _, progress = maker._tuned(taught, none, "tuned")
    assert (progress.best_epoch, progress.epoch) == (5, 6)


def test_what_is_not_known_costs_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]], requires_grad=True)
    wanted = torch.tensor([[1.0, float("nan")], [0.0, float("nan")]])
    loss_of(logits, wanted, exclusive=False).backward()
    assert logits.grad is not None
    assert logits.grad[:, 1].tolist() == [0, 0]
    exclusive = loss_of(logits.detach(), wanted, exclusive=True)
    chances = torch.softmax(logits.detach(), dim=-1)
    assert float(exclusive) == pytest.approx(
        float(-chances[0, 0].log() - (1 - chances[1, 0]).log()), abs=1e-5
    )


def test_a_category_is_no_more_than_its_share_of_ordinary_feedback(
    tmp_path: Path, tiny: Callable[[], CategoryEncoder]
) -> None:
    encoder = tiny()
    start = described(read_categories(own(tmp_path)).taxonomy, encoder)
    scores = np.concatenate(encoder.background) @ start.weight.T + start.bias
    assert (scores >= 0).mean(axis=0) == pytest.approx([0.12, 0.12], abs=0.01)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"id": "a", "text": "x", "labels": {"categories": ["parks"]}}',
            "line 1: labels.categories: no category",
        ),
        ('{"id": "a", "text": "x", "labels": {"categories": "parking"}}', "must be a list of category ids"),
        ('{"id": "a", "labels": {"categories": []}}', "text: must be a string"),
        ("{", "line 1: not JSON"),
        ("", "no labelled comment"),
    ],
)
def test_a_faulty_labelled_file_is_refused_by_name(tmp_path: Path, line: str, said: str) -> None:
    data, output = tmp_path / "few.jsonl", tmp_path / "model"
    data.write_text(line, encoding="utf-8")
    arguments = ["train", "--taxonomy", str(own(tmp_path)), "--data", str(data), "--output", str(output)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert f"few.jsonl{', ' if 'line 1' in said else ''}" in done.output
    assert said in done.output
    assert not output.exists()


def test_an_exclusive_comment_has_exactly_one(tmp_path: Path) -> None:
    found = read_categories(own(tmp_path, exclusive=True))
    file = tmp_path / "few.jsonl"
    file.write_text('{"id": "a", "text": "x", "labels": {"categories": ["parking", "food"]}}', "utf-8")
    with pytest.raises(models.InputError, match="exactly one"):
        read_categorized(file, found.taxonomy, learnt=True)


def test_what_cannot_be_asked_for_is_refused(tmp_path: Path) -> None:
    few = ["--taxonomy", str(own(tmp_path)), "--stage", "tuned", "--output", str(tmp_path / "model")]
    for arguments, said in (
        (few, "too_few_comments"),
        (["--output", str(tmp_path / "model")], "--data is missing"),
        (
            ["--stage", "tuned", "--data", str(tmp_path), "--output", str(tmp_path / "m")],
            "--stage cannot be used",
        ),
    ):
        done = CliRunner().invoke(main, ["train", *arguments])
        assert done.exit_code == 2
        assert said in done.output


def test_of_a_comment_in_two_files_the_last_labels_count(tmp_path: Path) -> None:
    mine = read_categories(own(tmp_path))
    lines = {
        name: {"id": "1", "text": CAR[0], "labels": {"categories": [name]}} for name in ("food", "parking")
    }
    files = []
    for name, line in lines.items():
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(json.dumps(line) + "\n", "utf-8")
    lessons, counted = _read(mine, tmp_path / "mine.toml", files)
    assert [one["comments"] for one in counted] == [8, 0, 1]
    # It is one of the examples as well, which the file says again.
    (place,) = [place for place, one in enumerate(lessons.comments) if one.text == CAR[0]]
    assert lessons.targets[place].tolist() == [1, 0]
    anew, _ = _read(mine, tmp_path / "mine.toml", files[::-1])
    assert anew.targets[0].tolist() == [0, 1]


def test_half_an_emoji_is_a_text_like_any_other(tmp_path: Path) -> None:
    mine = read_categories(own(tmp_path, examples=False))
    file = labelled(tmp_path, 8)
    file.write_text(file.read_text("utf-8").replace("Visit 3.", "Visit \\ud83d."), "utf-8")
    lessons = lessons_of(mine, read_categorized(file, mine.taxonomy))
    assert sum(map(len, folds(lessons, 2, seed=1))) == 8


def test_interrupted_before_its_card_it_is_no_model_yet(
    tmp_path: Path, tiny: Callable[[], CategoryEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = read_categories(own(tmp_path))
    lessons, settings = lessons_of(mine, []), config(tmp_path)

    def make() -> str:
        return train_categories(
            mine.taxonomy, lessons, tmp_path / "m", settings, stage="examples", why="asked", encoder=tiny()
        )

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.categories.run.write_card", stop)
        with pytest.raises(KeyboardInterrupt):
            make()
    with pytest.raises(models.ArtifactError, match=r"manifest\.json is missing"):
        models.load(tmp_path / "m")
    version = make()
    assert models.load(tmp_path / "m").version == version


def test_an_unknown_encoder_is_named(tmp_path: Path) -> None:
    file, run, output = own(tmp_path), tmp_path / "run.toml", tmp_path / "model"
    run.write_text('[network]\nbase = "word2vec"\n', "utf-8")
    done = CliRunner().invoke(
        main, ["train", "--taxonomy", str(file), "--config", str(run), "--output", str(output)]
    )
    assert done.exit_code == 2
    assert "network.base: 'word2vec' is not one of auto, all-MiniLM-L6-v2" in done.output


@pytest.mark.parametrize("text", ["The car park was full again.", "!!!"])
@pytest.mark.parametrize("stage", ["examples", "tuned"])
def test_comments_that_all_say_the_same_are_refused(
    tmp_path: Path, tiny: Callable[[], CategoryEncoder], stage: Stage, text: str
) -> None:
    found, taught = lessons(tmp_path, 48)
    alike = Lessons([Comment(text)] * len(taught.comments), taught.targets)
    with pytest.raises(InputError, match="too much alike") as refused:
        train_categories(
            found.taxonomy,
            alike,
            tmp_path / "model",
            config(tmp_path),
            stage=stage,
            why="asked for",
            encoder=tiny(),
        )
    assert refused.value.code == "too_few_comments"


def test_an_encoder_that_was_unpacked_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "training.categories.encoder.pretrained", lambda name, cache: (write_tiny_base(cache / name), "bert")
    )
    found, taught = lessons(tmp_path, 0)
    run, output = tmp_path / "short.toml", tmp_path / "model"
    run.write_text(f"[network]\nmax_tokens = {CONFIG.max_tokens}\nmax_question_tokens = 8\n", "utf-8")
    train_categories(found.taxonomy, taught, output, read_config(run), stage="described", why="asked for")
    assert models.load(output).version
    assert [entry.name for entry in output.iterdir() if entry.is_dir()] == []
