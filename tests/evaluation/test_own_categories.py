"""The figures of one's own categories are what a count by hand gives, and the public data sets are read right."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluation.categorized import Categorized, category_matrix, read_categorized
from evaluation.own_categories import rivals
from evaluation.own_categories.__main__ import main
from evaluation.own_categories.datasets import few, prepare
from evaluation.own_categories.measure import decided_by, figures
from models.categories import read_categories
from models.errors import InputError
from models.heads import Calibration
from models.pipeline import Pipeline
from models.taxonomy import Category, Taxonomy

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "public"
TAX = Taxonomy("t", (), (), (), (Category("a", "A", "A."), Category("b", "B", "B.")))
needs_data = pytest.mark.skipif(
    not PUBLIC.exists(), reason="the public data sets are not beside this checkout"
)


def comment(number: int, *categories: str, text: str = "some words") -> Categorized:
    return Categorized(str(number), text, None, categories)


def test_f1_and_accuracy_equal_a_count_by_hand() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
    decided = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
    found = figures(truth, decided, exclusive=False)
    assert found["micro_f1"].value == pytest.approx(2 * 3 / (4 + 4))
    assert found["macro_f1"].value == pytest.approx((2 * 1 / 4 + 1) / 2)
    assert found["micro_f1"].n == 4
    assert found["micro_f1"].low < found["micro_f1"].value < found["micro_f1"].high
    one = figures(np.eye(2, dtype=bool)[[0, 1, 1, 0]], np.eye(2, dtype=bool)[[0, 1, 0, 0]], exclusive=True)
    assert one["accuracy"].value == pytest.approx(0.75)


def test_a_comment_that_was_not_read_has_no_category() -> None:
    class Yes:
        def score(self, readings: object) -> list[np.ndarray]:
            return [np.array([[3, -3, 0]], dtype=np.float32) for _ in readings]  # type: ignore[attr-defined]

    pipeline = Pipeline(Yes(), TAX, version="y", calibration=Calibration(), thresholds={})  # type: ignore[arg-type]
    comments = [comment(1, "a", text="Good words here"), comment(2, "a", text="…")]
    assert decided_by(pipeline, comments).tolist() == [[True, False], [False, False]]


def test_a_draw_has_enough_of_each_category_and_differs_by_seed() -> None:
    comments = [comment(n, *(("a", "b") if n % 5 == 0 else ("a",))) for n in range(100)]
    drawn = few(comments, 4, seed=1)
    counted = category_matrix(drawn, TAX).sum(axis=0)
    assert counted.tolist()[1] == 4
    assert counted[0] >= 4
    assert len(drawn) < 30
    assert drawn == few(comments, 4, seed=1)
    assert drawn != few(comments, 4, seed=2)


@pytest.mark.parametrize("rival", ["tfidf-svc", "tfidf-lr"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_rivals_learn_what_words_tell(rival: str, exclusive: bool) -> None:
    train = [comment(n, text=("car park " if n % 2 else "soup lunch ") + str(n)) for n in range(20)]
    truth = np.array([[n % 2 == 1, n % 2 == 0, False] for n in range(20)])
    test = [comment(1, text="the car park"), comment(2, text="the soup")]
    decided = rivals.decided_by(rival, train, truth, test, exclusive=exclusive)
    assert decided.tolist() == [[True, False, False], [False, True, False]]


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="banking77"):
        prepare("banking77", tmp_path, tmp_path / "out", shots=8, seeds=1)


@needs_data
def test_nhs_feedback_is_split_by_respondent(tmp_path: Path) -> None:
    prepare("nhs_fft_v6", PUBLIC, tmp_path, shots=8, seeds=1)
    tax = read_categories(tmp_path / "taxonomy.toml").taxonomy
    train, test, drawn = (
        read_categorized(tmp_path / name, tax) for name in ("train.jsonl", "test.jsonl", "few-8-1.jsonl")
    )
    assert len(tax.categories) == 46
    assert len((tmp_path / "measured.txt").read_text().split()) == 36
    assert 0.3 < len(test) / (len(train) + len(test)) < 0.36
    respondent = [{c.id.rsplit(" - ", 1)[0] for c in side} for side in (train, test)]
    assert not respondent[0] & respondent[1]
    assert {c.id for c in drawn} <= {c.id for c in train}


@needs_data
def test_banking_intents_are_measured_from_the_command_line(tmp_path: Path) -> None:
    prepared = ["prepare", "--dataset", "banking77", "--source", str(PUBLIC), "--output", str(tmp_path)]
    assert CliRunner().invoke(main, [*prepared, "--shots", "3", "--seeds", "1"]).exit_code == 0
    tax = read_categories(tmp_path / "taxonomy.toml").taxonomy
    assert tax.exclusive
    assert len(tax.categories) == 77
    assert len(read_categorized(tmp_path / "few-3-1.jsonl", tax)) == 231
    output = tmp_path / "figures.json"
    arguments = [
        "measure",
        "--data",
        str(tmp_path / "test.jsonl"),
        "--train",
        str(tmp_path / "few-3-1.jsonl"),
    ]
    done = CliRunner().invoke(main, [*arguments, "--rival", "tfidf-lr", "--output", str(output)])
    assert done.exit_code == 0, done.output
    found = json.loads(output.read_text())["tfidf-lr on few-3-1.jsonl"]["accuracy"]
    assert found["n"] == 3080
    assert found["low"] < found["value"] < found["high"]


@pytest.mark.parametrize("rival", ["tfidf-svc", "tfidf-lr"])
def test_rivals_learn_one_category(rival: str) -> None:
    train = [comment(n, text=("car park " if n % 2 else "soup lunch ") + str(n)) for n in range(20)]
    truth = np.array([[n % 2 == 1] for n in range(20)])
    test = [comment(1, text="the car park"), comment(2, text="the soup")]
    assert rivals.decided_by(rival, train, truth, test, exclusive=False).tolist() == [[True], [False]]


def test_what_only_measures_is_measured_and_not_learnt(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text(json.dumps({"id": "a", "text": "x", "train": False, "labels": {"categories": ["a"]}}))
    assert len(read_categorized(file, TAX)) == 1
    with pytest.raises(InputError, match="only measures"):
        read_categorized(file, TAX, learnt=True)


def test_measuring_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text("{}")
    for more, said in ((["--rival", "tfidf-lr"], "--rival needs --train"), ([], "nothing to measure")):
        done = CliRunner().invoke(main, ["measure", "--data", str(file), *more])
        assert done.exit_code == 2
        assert said in done.output
