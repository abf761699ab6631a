"""People's labels out of the store and in again, in every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from click.testing import CliRunner, Result
from spacy.tokens import DocBin
from sqlalchemy import Engine

import models
from evaluation.gold import read_for_training, read_labelled
from models import Analysis
from models.command import of_labels
from service import repository
from service.commands.labels import FORMATS
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.records import CommentRecord
from service.review import audit_repository
from tests.recount import assert_exact

TAXONOMY = models.taxonomy.load()
TEXTS = {"a": "Agent was kind. Nobody fixed my bill.", "b": "🙂 Café, all fine.", "c": "It works."}
SAID: dict[str, dict[str, Any]] = {
    "a": {
        "labels": {
            "add": [{"id": "unresolved_issue", "evidence": [{"start": 16, "end": 37}]}, "caring_treatment"],
            "remove": ["easy_to_use"],
        },
        "sentiment": -1,
        "empathy": 1,
        "effort": None,
    },
    "b": {
        "labels": {"add": [{"id": "easy_to_use", "evidence": [{"start": 2, "end": 6}]}]},
        "intent": "praise",
    },
}
FILES = {"jsonl": "l.jsonl", "label-studio": "l.json", "docbin": "l.spacy", "datasets": "folder"}
Make = Callable[..., Any]


@pytest.fixture
def filled(
    engine: Engine, database_url: str, make_record: Make, make_analysis: Make, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    fill(engine, make_record, make_analysis)
    for id, said in SAID.items():
        with write(engine) as conn:
            correct(conn, "default", id, read_correction(said, TAXONOMY, "anna"))
    return engine


def fill(engine: Engine, make_record: Make, make_analysis: Make) -> None:
    """Three comments in which the model found ease of use and poor communication."""
    analysis: Analysis = make_analysis(issues=["poor_communication"], strengths=["easy_to_use"])
    with write(engine) as conn:
        for id, text in TEXTS.items():
            record: CommentRecord = make_record(id=id, text=text, question="How was it?")
            repository.save(conn, record, analysis, record.occurred_at)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(of_labels, [str(word) for word in words])


def in_force(engine: Engine) -> dict[str, Any]:
    """Labels with who said so, and the words for those that people named words for."""
    found = {}
    with read(engine) as conn:
        for id in TEXTS:
            stored = repository.get(conn, "default", id)
            assert stored is not None
            by = {one["id"]: one["by"] for group in ("issues", "strengths") for one in stored.labels[group]}
            scores = {name: stored.labels[name] for name in ("sentiment", "empathy", "effort", "intent")}
            said = [one.said for one in stored.corrections]
            words = {
                one["id"]: one["evidence"]
                for correction in said
                for one in correction["labels"]["add"]
                if one["id"] in ("unresolved_issue", "easy_to_use")
            }
            found[id] = (by, scores, words)
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_goes_out_comes_in_again(
    name: str, filled: Engine, tmp_path: Path, make_record: Make, make_analysis: Make
) -> None:
    file, before = tmp_path / FILES[name], in_force(filled)
    out = run("export", "--output", file)
    assert (out.exit_code, out.output) == (0, "2 labelled comments\n")
    with write(filled) as conn:
        for id in TEXTS:
            repository.delete(conn, "default", id)
    fill(filled, make_record, make_analysis)
    assert in_force(filled) != before
    done = run("import", file, "--actor", "anna")
    assert (done.exit_code, done.output) == (0, "2 taken, 0 known already, 0 failed\n")
    assert in_force(filled) == before
    assert run("import", file, "--actor", "anna").output == "0 taken, 2 known already, 0 failed\n"
    with read(filled) as conn:
        assert_exact(conn)


def test_what_goes_out_can_be_trained_on(filled: Engine, tmp_path: Path) -> None:
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
    filled: Engine, tmp_path: Path, make_analysis: Make
) -> None:
    with write(filled) as conn:
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
    filled: Engine, tmp_path: Path, row: Any, code: str
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
    assert in_force(filled)["c"][0] == {}


def test_a_task_that_was_changed_in_label_studio(filled: Engine, tmp_path: Path) -> None:
    """With the offsets of a browser, which counts UTF-16 code units, and a label that nobody had spoken of."""
    file = tmp_path / "l.json"
    run("export", "--output", file)
    assert '<Choice value="caring_treatment"/>' in (tmp_path / "l.xml").read_text()
    _, task = json.loads(file.read_text())
    value = {"start": 3, "end": 7, "text": "Café", "labels": ["helpful_support"]}
    changed = [one for one in task["annotations"][0]["result"] if one["id"] not in ("e0", "e1", "labels")]
    task["annotations"][0]["result"] = [
        {"from_name": "evidence", "to_name": "text", "type": "labels", "value": value},
        *changed,
    ]
    unread = {"data": task["data"], "annotations": []}
    file.write_text(json.dumps([task, unread, {"data": {}}]))
    done = run("import", file, "--actor", "ben")
    assert (done.exit_code, "1 taken" in done.stdout, "1 failed" in done.stdout) == (1, True, True)
    assert in_force(filled)["b"][0] == {"helpful_support": "person"}
    with read(filled) as conn:
        stored = repository.get(conn, "default", "b")
    assert stored is not None
    assert stored.labels["strengths"][0]["evidence"] == [{"start": 2, "end": 6, "text": "Café"}]


@pytest.mark.parametrize("name", ["label-studio", "docbin", "datasets"])
def test_a_file_that_is_of_another_format(filled: Engine, tmp_path: Path, name: str) -> None:
    file = tmp_path / "odd"
    file.write_text("Neither of them.")
    done = run("import", file, "--format", name)
    assert done.exit_code == 2
    assert "Error: odd" in done.output


def test_documents_of_somebody_elses(filled: Engine, tmp_path: Path) -> None:
    doc = spacy.blank("en").make_doc(TEXTS["a"])
    DocBin(docs=[doc]).to_disk(tmp_path / "l.spacy")
    done = run("import", tmp_path / "l.spacy")
    assert (done.exit_code, json.loads(done.stderr)["code"]) == (1, "missing_field")


def test_endings_stand_for_formats(filled: Engine, tmp_path: Path) -> None:
    assert set(FORMATS) == set(FILES)
    done = run("export", "--output", tmp_path / "l.csv")
    assert (done.exit_code, "[unknown_format]" in done.output) == (2, True)
    (tmp_path / "l").write_text("")
    assert "[unreadable_file]" in run("export", "--output", tmp_path / "l").output


def test_the_folder_is_one_that_hugging_face_reads(filled: Engine, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    run("export", "--output", tmp_path / "folder")
    found = datasets.load_dataset(str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    assert [row["id"] for row in found["train"]] == ["a", "b"]
    assert found["train"][1]["strengths"][0]["evidence"] == [{"start": 2, "end": 6}]


def test_bad_lines_of_a_file_are_told_and_the_others_taken(filled: Engine, tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    run("export", "--output", file)
    sound = file.read_bytes()
    half = json.dumps({"id": "half \ud800", "text": "x", "labels": {}}).encode()
    other = json.dumps({"id": "c", "text": "half \ud800", "labels": {}}).encode()
    file.write_bytes(b"caf\xe9\n" + half + b"\n" + other + b"\n" + b"\xef\xbb\xbf" + b"\n" + sound)
    done = run("import", file, "--actor", "ben")
    assert done.exit_code == 1
    assert "2 taken, 0 known already, 4 failed" in done.output
