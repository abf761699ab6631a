"""People's labels out of the store and in again, in every format."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin
from sqlalchemy import Engine

from evaluation.gold import read_for_training, read_labelled
from models import Evidence, Mention
from service import repository
from service.commands.labels import FORMATS
from service.database import read, write
from service.labels.rows import row_of
from service.records import StoredComment
from service.review import audit_repository
from tests.labels_in_store import FILES, TAXONOMY, TEXTS, Make, fill, in_force, run, say
from tests.recount import assert_exact


@pytest.mark.parametrize("name", FILES)
def test_what_goes_out_comes_in_again(
    name: str, corrected: Engine, tmp_path: Path, make_record: Make, make_analysis: Make
) -> None:
    file, before = tmp_path / FILES[name], in_force(corrected)
    out = run("export", "--output", file)
    assert (out.exit_code, out.output) == (0, "2 labelled comments\n")
    with write(corrected) as conn:
        for id in TEXTS:
            repository.delete(conn, "default", id)
    fill(corrected, make_record, make_analysis)
    assert in_force(corrected) != before
    done = run("import", file, "--actor", "anna")
    assert (done.exit_code, done.output) == (0, "2 taken, 0 known already, 0 failed\n")
    assert in_force(corrected) == before
    assert run("import", file, "--actor", "anna").output == "0 taken, 2 known already, 0 failed\n"
    with read(corrected) as conn:
        assert_exact(conn)


def test_what_goes_out_can_be_trained_on(corrected: Engine, tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    run("export", "--output", file)
    a, b = read_for_training(file, TAXONOMY)
    assert [one.id for one in a.labels.issues] == ["poor_communication", "unresolved_issue"]
    assert (a.labels.sentiment, a.labels.empathy, a.labels.effort, a.labels.mixed) == (-1, 1, None, True)
    (span,) = b.labels.strengths[0].evidence
    assert b.text[span.start : span.end] == "Café"
    judged = json.loads(file.read_text().splitlines()[0])["judged"]
    assert judged == {
        "labels": ["caring_treatment", "easy_to_use", "unresolved_issue"],
        "fields": ["sentiment", "empathy", "effort"],
    }


def test_what_measures_and_what_was_erased_does_not_go_out(
    corrected: Engine, tmp_path: Path, make_analysis: Make
) -> None:
    with write(corrected) as conn:
        stored = repository.get(conn, "default", "a")
        assert stored is not None
        audit_repository.draw(conn, [(stored.record, make_analysis())], ["replaced"], rate=1, twice=0)
        repository.delete(conn, "default", "b")
    file = tmp_path / "l.jsonl"
    assert run("export", "--output", file).output == "0 labelled comments\n"
    assert run("export", "--output", file, "--with-audit").output == "1 labelled comments\n"
    (row,) = read_labelled(file, TAXONOMY)
    assert row.train is False


def line(id: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": id, "text": TEXTS.get(id, "?"), "labels": {"issues": [], "strengths": []}} | changes


def naming(label: str, start: int = 0, end: int = 5) -> dict[str, Any]:
    return {"labels": {"issues": [{"id": label, "evidence": [{"start": start, "end": end}]}]}}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (line("z"), "unknown_comment"),
        (line(text="Something else"), "changed_text"),
        (line(text=None, text_sha256="0" * 64), "changed_text"),
        (line(text=None), "missing_field"),
        (line(id=""), "missing_field"),
        (line(**naming("slow_food")), "unknown_label"),
        (line(**naming("slow_food"), judged={"labels": [], "fields": []}), "unknown_label"),
        (line(**naming("unresolved_issue", 30, 40)), "invalid_evidence"),
        (line(**naming("unresolved_issue", 5, 5)), "invalid_evidence"),
        (line(labels=[]), "invalid_type"),
        (line(labels={"issues": "x"}), "invalid_type"),
        (line(labels={"issues": ["x"]}), "invalid_type"),
        (line(labels={"sentiment": 7}), "invalid_value"),
        (line(judged=["x"]), "invalid_type"),
        (line(judged={"labels": "x", "fields": []}), "invalid_type"),
        ([], "invalid_type"),
    ],
)
def test_what_is_wrong_is_told_item_by_item_and_the_others_are_taken(
    corrected: Engine, tmp_path: Path, row: Any, code: str
) -> None:
    file = tmp_path / "l.jsonl"
    file.write_text("\n".join(["{", json.dumps(row), json.dumps(line("c"))]))
    done = run("import", file)
    assert done.exit_code == 1
    assert "1 taken, 0 known already, 2 failed" in done.stdout
    broken, wrong = (json.loads(error) for error in done.stderr.splitlines())
    assert (broken["index"], broken["code"]) == (0, "invalid_json")
    assert (wrong["index"], wrong["code"]) == (1, code)
    assert not any(text in done.output for text in TEXTS.values())
    # Without `judged`, a row speaks of every label: none is there.
    assert in_force(corrected)["c"][0] == {}


@pytest.mark.parametrize("name", ["label-studio", "docbin", "datasets"])
def test_a_file_that_is_of_another_format(corrected: Engine, tmp_path: Path, name: str) -> None:
    file = tmp_path / "odd"
    file.write_text("Neither of them.")
    done = run("import", file, "--format", name)
    assert done.exit_code == 2
    assert "Error: odd" in done.output


def test_documents_of_somebody_elses(corrected: Engine, tmp_path: Path) -> None:
    doc = spacy.blank("en").make_doc(TEXTS["a"])
    DocBin(docs=[doc]).to_disk(tmp_path / "l.spacy")
    done = run("import", tmp_path / "l.spacy")
    assert (done.exit_code, json.loads(done.stderr)["code"]) == (1, "missing_field")


def test_endings_stand_for_formats(corrected: Engine, tmp_path: Path) -> None:
    assert set(FORMATS) == set(FILES)
    done = run("export", "--output", tmp_path / "l.csv")
    assert (done.exit_code, "[unknown_format]" in done.output) == (2, True)
    (tmp_path / "l").write_text("")
    assert "[unreadable_file]" in run("export", "--output", tmp_path / "l").output


def test_the_folder_is_one_that_hugging_face_reads(corrected: Engine, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    run("export", "--output", tmp_path / "folder")
    found = datasets.load_dataset(str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    assert [row["id"] for row in found["train"]] == ["a", "b"]
    assert found["train"][1]["strengths"][0]["evidence"] == [{"start": 2, "end": 6}]


def test_bad_lines_of_a_file_are_told_and_the_others_taken(corrected: Engine, tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    run("export", "--output", file)
    sound = file.read_bytes()
    half = json.dumps({"id": "half \ud800", "text": "x", "labels": {}}).encode()
    other = json.dumps({"id": "c", "text": "half \ud800", "labels": {}}).encode()
    file.write_bytes(b"caf\xe9\n" + half + b"\n" + other + b"\n" + b"\xef\xbb\xbf" + b"\n" + sound)
    done = run("import", file, "--actor", "ben")
    assert done.exit_code == 1
    assert "2 taken, 0 known already, 4 failed" in done.output


def test_a_faint_side_goes_out_as_a_side(make_record: Make, make_analysis: Make) -> None:
    record = make_record()

    def levels(issues: int = 0, strengths: int = 0, **scores: float) -> tuple[int, int | None]:
        theme = Mention("lack_of_empathy", "empathy", 0.9, 0.5, (Evidence(0, 3, "The"),))
        groups = {"issues": (theme,) * issues, "strengths": (theme,) * strengths}
        body = replace(make_analysis(**scores), **groups).to_dict()
        found = row_of(StoredComment(1, record, record.occurred_at, body, ()), TAXONOMY)["labels"]
        return found["sentiment"], found["empathy"]

    assert [levels(sentiment=score)[0] for score in (-0.8, -0.156, 0.0, 0.2, 1.0)] == [-2, -1, 0, 1, 2]
    # By the codebook empathy has the sign of its theme, but where both of its sides are there.
    assert levels(issues=1, empathy=-0.1)[1] == levels(issues=1, empathy=0.3)[1] == -1
    assert levels(strengths=1, empathy=0.9)[1] == 2
    assert (levels(issues=1, strengths=1, empathy=-0.1)[1], levels()[1]) == (0, None)


@pytest.mark.parametrize("name", FILES)
def test_a_faint_side_that_a_person_agreed_to_comes_in_again(
    name: str, corrected: Engine, tmp_path: Path, make_record: Make, make_analysis: Make
) -> None:
    def keep() -> None:
        record = make_record(id="c", text="It took a while.")
        with write(corrected) as conn:
            repository.save(conn, record, make_analysis(sentiment=-0.156), record.occurred_at)

    keep()
    say(corrected, "c", {"sentiment": "negative"})
    run("export", "--output", tmp_path / FILES[name])
    with write(corrected) as conn:
        repository.delete(conn, "default", "c")
    keep()
    run("import", tmp_path / FILES[name])
    assert in_force(corrected)["c"][1]["sentiment"]["label"] == "negative"


def test_where_nothing_can_be_written(corrected: Engine, tmp_path: Path) -> None:
    for name in ("l.jsonl", "l.json", "l.spacy"):
        done = run("export", "--output", tmp_path / "no" / name)
        assert (done.exit_code, "Error: --output: " in done.output) == (2, True)
        assert "[unwritable_file]" in done.output


def test_what_is_not_ours_is_not_written_over(corrected: Engine, tmp_path: Path) -> None:
    notes, interface, folder = tmp_path / "own" / "README.md", tmp_path / "l.xml", tmp_path / "folder"
    notes.parent.mkdir()
    for file in (notes, interface):
        file.write_text("mine")
    for output in (notes.parent, tmp_path / "l.json"):
        done = run("export", "--output", output)
        assert (done.exit_code, "[output_exists]" in done.output) == (2, True)
    assert (notes.read_text(), interface.read_text()) == ("mine", "mine")
    assert not (tmp_path / "l.json").exists()
    folder.mkdir()
    for output in (folder, folder, tmp_path / "m.json", tmp_path / "m.json"):
        assert run("export", "--output", output).exit_code == 0
