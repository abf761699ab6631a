"""What an import takes of a file for a person's word, and what it leaves to the model."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from models import taxonomy
from service import repository
from service.database import read, write
from service.labels.rows import LeftOut, rows
from service.records import Outdated, StoredComment
from tests.labels_in_store import FILES, TEXTS, Make, fill, in_force, run, say


def stored_c(engine: Engine) -> StoredComment:
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c")
    assert stored is not None
    return stored


def read_anew(engine: Engine, make_analysis: Make) -> None:
    """Another model finds no label in "c"."""
    stored, found = stored_c(engine), make_analysis(sentiment=0.5, effort=1, version="m2")
    with write(engine) as conn:
        repository.reanalyze(conn, [(Outdated(stored.key, stored.record, stored.record.digest, "m1"), found)])


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def write_rows(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", FILES)
def test_what_an_earlier_model_said_becomes_nobodys_word(
    name: str, corrected: Engine, tmp_path: Path, make_analysis: Make
) -> None:
    say(corrected, "c", {"labels": {"add": ["caring_treatment"]}})
    run("export", "--output", tmp_path / FILES[name])
    read_anew(corrected, make_analysis)
    before = in_force(corrected)["c"]
    assert before[0] == {"caring_treatment": "person"}
    run("import", tmp_path / FILES[name], "--actor", "ben")
    assert in_force(corrected)["c"] == before


def test_of_a_file_without_the_models_words_what_was_judged_is_taken(
    corrected: Engine, tmp_path: Path, make_analysis: Make
) -> None:
    say(corrected, "c", {"labels": {"add": ["caring_treatment"]}})
    read_anew(corrected, make_analysis)
    run("export", "--output", tmp_path / "l.jsonl")
    row = rows_of(tmp_path / "l.jsonl")[-1]
    assert row.pop("model")["version"] == "m2"
    row["labels"]["issues"] = [{"id": "poor_communication", "evidence": []}]
    run("import", write_rows(tmp_path / "l.jsonl", row), "--actor", "ben")
    stored = stored_c(corrected)
    assert [one["id"] for one in stored.corrections[-1].said["labels"]["add"]] == ["caring_treatment"]
    assert stored.labels["issues"] == []


@pytest.mark.parametrize("model", ["m1", {"issues": "x"}, {"strengths": [1]}])
def test_what_the_model_said_must_be_told_as_we_do(corrected: Engine, tmp_path: Path, model: Any) -> None:
    run("export", "--output", tmp_path / "l.jsonl")
    row = rows_of(tmp_path / "l.jsonl")[0] | {"model": model}
    done = run("import", write_rows(tmp_path / "l.jsonl", row))
    error = json.loads(done.stderr)
    assert (error["code"], error["field"]) == ("invalid_type", "model")


@pytest.mark.parametrize(
    ("labels", "left"),
    [
        ({"sentiment": -2}, {"poor_communication": "model", "easy_to_use": "model"}),
        ({"issues": []}, {"easy_to_use": "model"}),
        ({"issues": [], "strengths": []}, {}),
        ({"mentions": []}, {}),
    ],
)
def test_a_group_that_is_not_there_is_not_spoken_of(
    corrected: Engine, tmp_path: Path, labels: dict[str, Any], left: dict[str, str]
) -> None:
    row = {"id": "c", "text": TEXTS["c"], "labels": labels}
    done = run("import", write_rows(tmp_path / "l.jsonl", row))
    assert done.exit_code == 0, done.output
    assert in_force(corrected)["c"][0] == left


def test_a_label_that_is_named_twice_is_refused(corrected: Engine, tmp_path: Path) -> None:
    twice = [{"id": "poor_communication", "evidence": [{"start": at, "end": at + 1}]} for at in (0, 3)]
    row = {"id": "c", "text": TEXTS["c"], "labels": {"issues": twice}}
    error = json.loads(run("import", write_rows(tmp_path / "l.jsonl", row)).stderr)
    assert (error["code"], "poor_communication is named twice" in error["detail"]) == (
        "contradictory_labels",
        True,
    )


def test_a_place_counts_what_is_not_read(corrected: Engine, tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    file.write_text("\n\n\n{bad\n")
    assert json.loads(run("import", file).stderr)["index"] == 3
    unread = {"data": {"text": "x", "comment_id": "z"}, "annotations": []}
    tasks = [*[unread] * 7, unread | {"annotations": [{"result": []}]}, {"data": 1}]
    (tmp_path / "l.json").write_text(json.dumps(tasks))
    errors = [json.loads(line) for line in run("import", tmp_path / "l.json").stderr.splitlines()]
    assert [(one["id"], one["index"]) for one in errors] == [("z", 7), (None, 8)]


def test_what_pandas_writes_is_read(
    corrected: Engine, tmp_path: Path, make_record: Make, make_analysis: Make
) -> None:
    """It makes floats of whole numbers with gaps between them."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    run("export", "--output", tmp_path / "folder")
    frame = pandas.read_parquet(tmp_path / "folder" / "train.parquet")
    assert str(frame["empathy"].dtype) == "float64"
    frame.loc[1, "effort"] = 1
    frame.to_parquet(tmp_path / "l.parquet")
    before = in_force(corrected)
    with write(corrected) as conn:
        for id in TEXTS:
            repository.delete(conn, "default", id)
    fill(corrected, make_record, make_analysis)
    done = run("import", tmp_path / "l.parquet", "--actor", "anna")
    assert (done.exit_code, done.output) == (0, "2 taken, 0 known already, 0 failed\n")
    after = in_force(corrected)
    assert after["a"] == before["a"]
    assert after["b"][1]["effort"] == {"score": 1.0, "by": "person"}


def test_what_another_taxonomy_said_is_left_out(corrected: Engine) -> None:
    own = taxonomy.from_dict(
        {"version": "v", "categories": [{"id": "parking", "description": "Where to park."}]}
    )
    left_out = LeftOut()
    assert list(rows(corrected, "default", own, left_out=left_out)) == []
    assert left_out.others == 2
    assert "listenwell rescore" in left_out.told()[0]
