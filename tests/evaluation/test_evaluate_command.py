"""`evaluate` from end to end: weightless model, small files."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evaluation.commands import evaluate
from models import ArtifactError, InputError
from tests.labelled import stand_off, twelve, write_lines


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "dev.jsonl", twelve())


def run(data: Path, *more: str | Path) -> Result:
    output = data.parent / "report"
    # The behaviour tests have tests of their own; here they would only take time.
    options = ["--model", "weightless", "--data", data, "--output", output, "--no-behaviour", *more]
    return CliRunner().invoke(evaluate, [str(option) for option in options])


def report_of(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data.parent / "report" / "report.json").read_text(encoding="utf-8"))
    return found


def test_model_and_baselines_are_measured(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is left out, and said so."""
    for rival in ("sentence_vectors", "setfit_vectors"):
        monkeypatch.setitem(sys.modules, f"evaluation.{rival}", None)
    train = write_lines(data.parent / "train.jsonl", [line | {"train": True} for line in twelve()])
    result = run(data, "--train", train, "--behaviour")
    assert result.exit_code == 0, result.output
    report = report_of(data)
    assert [system["name"] for system in report["systems"]] == ["model", "majority", "vader", "tfidf"]
    assert report["left_out"] == [
        "MiniLM + logistic regression: evaluation.sentence_vectors is not installed",
        "SetFit: evaluation.setfit_vectors is not installed",
    ]
    assert report["model"] == {"name": "weightless", "version": "weightless-1", "taxonomy_version": "cx-1.0"}
    assert (report["data"]["comments"], report["data"]["also_in_training"]) == (12, 12)
    assert report["training_data"][0]["name"] == "train.jsonl"
    assert set(report["behaviour"]["systems"]) == {"model", "majority", "vader", "tfidf"}
    assert report["behaviour"]["systems"]["tfidf"]["n"] < report["behaviour"]["n"]  # it quotes no evidence
    assert report["behaviour"]["tests"][0]["systems"]["tfidf"]["n"] >= 20
    assert "Issues micro-F1" in result.output
    assert "Left out: MiniLM" in result.output


def test_without_training_data_only_vader_stands_beside_the_model(data: Path) -> None:
    assert run(data).exit_code == 0
    report = report_of(data)
    assert [system["name"] for system in report["systems"]] == ["model", "vader"]
    assert len(report["left_out"]) == 4
    assert "no training data was given (--train)" in (data.parent / "report" / "report.html").read_text(
        "utf-8"
    )


def test_baselines_can_be_left_out(data: Path) -> None:
    assert run(data, "--no-baselines").exit_code == 0
    assert [system["name"] for system in report_of(data)["systems"]] == ["model"]
    assert report_of(data)["left_out"] == []


def test_the_same_seed_gives_the_same_figures(data: Path) -> None:
    run(data, "--seed", "5")
    first = report_of(data)
    run(data, "--seed", "5")
    again = report_of(data)
    assert first["differences"] == again["differences"]
    assert first["slices"] == again["slices"]
    run(data, "--seed", "6")
    assert report_of(data)["slices"] != first["slices"]


@pytest.mark.parametrize("places", [[9], [0], [5, 8, 9, 0]])
def test_comments_without_labels_are_measured_too(data: Path, places: list[int]) -> None:
    """Of the surest comments the F1 may be undefined; one comment has no half."""
    write_lines(data, [twelve()[place] for place in places])
    result = run(data)
    assert result.exit_code == 0, result.output
    review = report_of(data)["systems"][0]["tasks"]["review"]
    assert review["measures"]["flagged"]["n"] == len(places)
    assert [point["n"] for point in review["curve"]] == {9: [], 0: [1] * 7, 5: [4] * 3}[places[0]]
    page = (data.parent / "report" / "report.html").read_text("utf-8")
    assert ("Risk over coverage" in page) == bool(review["curve"])


def test_an_evaluation_is_logged_once_its_report_is_written(data: Path) -> None:
    (data.parent / "report" / "report.json").mkdir(parents=True)  # where the file should be
    assert isinstance(run(data, "--no-baselines").exception, IsADirectoryError)
    assert not data.with_name("dev.jsonl.log").exists()


def test_labels_that_stand_off_are_measured_too(data: Path) -> None:
    pool = write_lines(data.parent / "pool.jsonl", twelve())
    write_lines(data, [stand_off(line) for line in twelve()])
    result = run(data, "--no-baselines", "--texts", pool)
    assert result.exit_code == 0, result.output
    assert report_of(data)["data"]["comments"] == 12


def test_comments_that_only_measure_are_not_trained_on(data: Path) -> None:
    barred = write_lines(data.parent / "held.jsonl", [line | {"train": False} for line in twelve()])
    result = run(data, "--train", barred)
    assert isinstance(result.exception, InputError)
    assert result.exception.code == "not_for_training"
    assert "held.jsonl: 12 of 12 comments" in result.exception.detail


def test_wrong_use_is_told(data: Path) -> None:
    assert run(data.parent / "missing.jsonl").exit_code == 2
    assert run(data, "--seed", -1).exit_code == 2
    bad = write_lines(data.parent / "bad.jsonl", [{"id": "c1"}])
    assert isinstance(run(bad).exception, InputError)
    assert isinstance(run(data, "--model", data.parent / "no_model").exception, ArtifactError)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(data: Path) -> None:
    result = CliRunner().invoke(
        evaluate, ["--model", "weightless", "--data", str(data), "--output", str(data / "x")]
    )
    assert isinstance(result.exception, InputError)
    assert result.exception.code == "unwritable_file"
    assert not data.with_name("dev.jsonl.log").exists()
