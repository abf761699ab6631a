"""Every evaluation on a file is logged, and a model is not measured on what it has learnt from."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import models
from evaluation import frozen
from evaluation.frozen import check_unseen, hashes_of, learnt_by, log, refuse_seen, tell_of_corrections
from evaluation.gold import read_labelled
from models.artifact import LEARNT, seal
from models.command import main
from tests.labelled import stand_off, twelve, write_lines

TAXONOMY = models.taxonomy.load()


def test_case_and_signs_do_not_hide_a_text_and_short_ones_do_not_count() -> None:
    said = "The agent left me on hold."
    assert hashes_of([said]) == hashes_of(["  the AGENT left me, on hold!"]) != hashes_of([said + " Again."])
    assert not hashes_of(["Good service, thank you."])
    assert said not in "".join(hashes_of([said]))


def test_a_text_that_was_learnt_from_is_an_error(tmp_path: Path) -> None:
    comments = read_labelled(write_lines(tmp_path / "test.jsonl", twelve()), TAXONOMY)
    refuse_seen(comments, hashes_of(["Nobody has ever said this before."]), "test.jsonl", "a model")
    with pytest.raises(models.InputError, match=r"test.jsonl: a model was trained on 1 of 12") as caught:
        refuse_seen(comments, hashes_of([comments[2].text.upper()]), "test.jsonl", "a model")
    assert caught.value.code == "trained_on"
    assert comments[2].text not in caught.value.detail


def test_of_corrections_it_is_said_whose_word_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line | {"draw": "correction"} if at < 3 else line for at, line in enumerate(twelve())]
    tell_of_corrections(read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), TAXONOMY), "a.jsonl")
    assert capsys.readouterr().err == ""
    tell_of_corrections(read_labelled(write_lines(tmp_path / "b.jsonl", lines), TAXONOMY), "b.jsonl")
    assert "b.jsonl: 3 of 12 are corrections" in capsys.readouterr().err


def test_a_folder_tells_what_it_learnt_from(tiny_artifact: Path, tmp_path: Path) -> None:
    assert learnt_by("weightless") == set()
    assert learnt_by(tiny_artifact) is None
    folder, data = tmp_path / "model", write_lines(tmp_path / "test.jsonl", twelve())
    shutil.copytree(tiny_artifact, folder)
    (folder / LEARNT).write_text("\n".join(hashes_of([twelve()[2]["text"]])), encoding="ascii")
    version = seal(folder)
    assert version == models.load(tiny_artifact).version  # it is about the model and not of it
    with pytest.raises(models.InputError, match="'c3'"):
        check_unseen(read_labelled(data, TAXONOMY), folder, data.name)
    for command in (
        ["models", "compare", str(tiny_artifact), str(folder)],
        ["evaluate", "--model", str(folder)],
    ):
        done = CliRunner().invoke(main, [*command, "--data", str(data), "--output", str(tmp_path / "report")])
        assert (done.exit_code, "[trained_on]" in done.output) == (2, True), done.output
        assert ("does not say what it learnt from" in done.output) == (command[0] == "models")
    assert not (tmp_path / "test.jsonl.log").exists()


@pytest.mark.parametrize("apart", [False, True])
def test_an_exam_that_is_learnt_from_is_refused(tmp_path: Path, apart: bool) -> None:
    """Its labels may stand off from its texts."""
    data = write_lines(tmp_path / "all.jsonl", [line for at in range(4) for line in _renamed(at)])
    exam = write_lines(tmp_path / "exam.jsonl", map(stand_off, twelve()) if apart else twelve())
    pool, output = write_lines(tmp_path / "pool.jsonl", twelve()), tmp_path / "model"
    options = {"--data": data, "--exam": exam, "--output": output} | ({"--texts": pool} if apart else {})
    done = CliRunner().invoke(main, ["train", *(str(part) for pair in options.items() for part in pair)])
    assert (done.exit_code, "[trained_on]" in done.output) == (2, True), done.output
    assert not output.exists()


def test_half_a_line_in_the_log_costs_nothing_but_itself(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "test.jsonl", twelve())
    log(data, "evaluate", ["lw-1"])
    with (tmp_path / "test.jsonl.log").open("a") as stream:
        stream.write('{"at": "2026-11-\n[]\n{}\n')
    assert log(data, "compare", ["lw-2"]).startswith("test.jsonl: evaluation 2, 2 models")


def test_evaluations_are_counted(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "test.jsonl", twelve())
    command = ["evaluate", "--model", "weightless", "--data", str(data), "--no-behaviour", "--no-baselines"]
    done = CliRunner().invoke(main, [*command, "--output", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    assert "test.jsonl: evaluation 1, 1 models" in done.output
    told = log(data, "compare", ["weightless-1", "lw-1"])
    assert told.startswith("test.jsonl: evaluation 2, 2 models measured on it so far. Logged")
    entries = [json.loads(line) for line in (tmp_path / "test.jsonl.log").read_text().splitlines()]
    assert [entry["command"] for entry in entries] == ["evaluate", "compare"]
    assert entries[0]["models"] == ["weightless-1"]
    write_lines(data, twelve()[:5])
    assert "It was another file on" in log(data, "evaluate", ["lw-1"])


def test_beside_a_file_that_nothing_can_stand_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, home = write_lines(tmp_path / "test.jsonl", twelve()), tmp_path / "home"
    (tmp_path / "test.jsonl.log").mkdir()  # whoever may write everywhere cannot write here
    monkeypatch.setattr(frozen.click, "get_app_dir", lambda name: str(home / name))
    assert "evaluation 1" in log(data, "evaluate", ["lw-1"])
    assert (home / "listenwell" / "evaluations.log").exists()
    (home / "listenwell" / "evaluations.log").unlink()
    (home / "listenwell" / "evaluations.log").mkdir()
    assert "could not be logged" in log(data, "evaluate", ["lw-1"])


def _renamed(at: int) -> list[dict[str, object]]:
    """Twelve comments under other ids; but for the first twelve the texts are others as well."""
    ending = f" {at}" if at else ""
    return [line | {"id": f"{line['id']}-{at}", "text": line["text"] + ending} for line in twelve()]
