"""The reader of labelled files: what it gives, and how it names what is wrong."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.gold import label_matrix, labelled_files, read_labelled, read_texts, touchpoint_matrix
from models import InputError, taxonomy
from models.segments import Span
from tests.labelled import labelled_line, twelve, write_lines

TAXONOMY = taxonomy.load()


def test_every_field_is_read(tmp_path: Path) -> None:
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), TAXONOMY)
    last = comments[-1]
    assert [comment.id for comment in comments[:2]] == ["c1", "c2"]
    assert (last.question, last.source, last.industry) == ("What could we improve?", "bank", "finance")
    assert (last.draw, last.train) == ("enriched:support", True)
    assert comments[2].labels.issues[1].evidence == (Span(41, 67),)
    assert [mention.theme for mention in comments[2].labels.mentions] == ["support", "resolution"]
    assert (comments[2].labels.effort, comments[2].labels.loyalty) == (1, -1)
    assert last.comment.question == last.question


def test_matrices_follow_the_taxonomy(tmp_path: Path) -> None:
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), TAXONOMY)
    labels, places = label_matrix(comments, TAXONOMY), touchpoint_matrix(comments, TAXONOMY)
    assert labels.shape == (12, 20)
    assert [TAXONOMY.labels[at].id for at in labels[2].nonzero()[0]] == [
        "inadequate_support",
        "unresolved_issue",
    ]
    assert [TAXONOMY.touchpoints[at].key for at in places[6].nonzero()[0]] == ["delivery", "product"]


def test_sentences_are_found_where_none_are_given(tmp_path: Path) -> None:
    line = labelled_line("c1", "One here. Two there.")
    (comment,) = read_labelled(write_lines(tmp_path / "a.jsonl", [line]), TAXONOMY)
    assert comment.sentences == (Span(0, 9), Span(10, 20))


def test_offsets_count_code_points_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    """An emoji is one code point; a line separator inside a text ends no line; a BOM is no text."""
    line = labelled_line("c1", "😀\u2028fine", strengths={"met_expectations": "fine"})
    text = "\ufeff\n" + json.dumps(line, ensure_ascii=False) + "\n\n"
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    (comment,) = read_labelled(tmp_path / "a.jsonl", TAXONOMY)
    (span,) = comment.labels.strengths[0].evidence
    assert comment.text[span.start : span.end] == "fine"


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(line: dict[str, Any]) -> None:
        place: Any = line
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_set("id", to=None), "id: must be a string"),
        (_set("text", to=""), "text: must be a string"),
        (_set("text", to=5), "text: must be a string"),
        (_set("labels", to=[]), "labels: must be an object"),
        (_set("labels", "issues", to=None), "labels.issues: must be a list"),
        (_set("labels", "issues", 0, "id", to="caring_treatment"), "labels.issues[0].id: must be one of"),
        (_set("labels", "issues", 0, "evidence", to=[]), "labels.issues[0].evidence: a label needs"),
        (
            _set("labels", "issues", 0, "evidence", 0, "end", to=20),
            "labels.issues[0].evidence[0]: must have 0 <=",
        ),
        (
            _set("labels", "issues", 0, "evidence", 0, "start", to=True),
            "labels.issues[0].evidence[0]: must have",
        ),
        (_set("labels", "sentiment", to=3), "labels.sentiment: must be one of -2, -1, 0, 1, 2"),
        (_set("labels", "sentiment", to=True), "labels.sentiment: must be one of"),
        (_set("labels", "mixed", to=1), "labels.mixed: must be true or false"),
        (_set("labels", "empathy", to="kind"), "labels.empathy: must be one of -2, -1, 0, 1, 2, null"),
        (_set("labels", "effort", to=0), "labels.effort: must be one of 1, -1, null"),
        (_set("labels", "intent", to=None), "labels.intent: must be one of complaint"),
        (_set("labels", "touchpoints", to=["moon"]), "labels.touchpoints[0]: must be one of marketing"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_field(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], field: str
) -> None:
    good = labelled_line("c0", "Fine by me.")
    bad = labelled_line("c1", "Rude treatment here", issues={"lack_of_empathy": "Rude treatment here"})
    change(bad)
    with pytest.raises(InputError) as caught:
        read_labelled(write_lines(tmp_path / "a.jsonl", [good, bad]), TAXONOMY)
    assert caught.value.code == "invalid_labels"
    assert caught.value.detail.startswith(f"a.jsonl, line 2: {field}")
    assert "Rude" not in caught.value.detail


def test_the_same_id_or_label_twice_is_refused(tmp_path: Path) -> None:
    line = labelled_line("c1", "Rude.", issues={"lack_of_empathy": "Rude."})
    with pytest.raises(InputError, match="line 2: id: used before, in line 1"):
        read_labelled(write_lines(tmp_path / "a.jsonl", [line, line]), TAXONOMY)
    line["labels"]["issues"] *= 2
    with pytest.raises(InputError, match=r"line 1: labels\.issues: the same label twice"):
        read_labelled(write_lines(tmp_path / "b.jsonl", [line]), TAXONOMY)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "no labelled comment"),
        ("a.jsonl", b"{not json}\n", "line 1: not JSON"),
        ("a.jsonl", b"[1]\n", "line 1: line: must be an object"),
        ("a.jsonl", b"[" * 200_000 + b"\n", "line 1: not JSON, or too deep"),
        ("a.jsonl", b'{"id": "\xff"}\n', "cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"\n" * 50, mtime=0)[:-9], "cannot be read"),
        ("a.jsonl.gz", b"no gzip", "cannot be read"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(tmp_path / name, TAXONOMY)
    assert caught.value.code == "invalid_labels"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: cannot be read"):
        read_labelled(tmp_path / "missing.jsonl", TAXONOMY)


def test_labels_can_stand_off_from_their_texts(tmp_path: Path) -> None:
    line = labelled_line("c1", "Rude.", issues={"lack_of_empathy": "Rude."})
    with gzip.open(tmp_path / "texts.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(json.dumps({"id": "c1", "text": line.pop("text"), "question": "Why?"}) + "\n")
    texts = read_texts([tmp_path / "texts.jsonl.gz"])
    line["text_sha256"] = hashlib.sha256(b"Rude.").hexdigest()
    path = write_lines(tmp_path / "a.jsonl", [line])
    (comment,) = read_labelled(path, TAXONOMY, texts)
    assert (comment.text, comment.question) == ("Rude.", "Why?")
    with pytest.raises(InputError, match="text_sha256: the text is not the one"):
        read_labelled(path, TAXONOMY, {"c1": ("Rude!", None)})
    with pytest.raises(InputError, match="id: its text is not among"):
        read_labelled(path, TAXONOMY)


def test_a_folder_is_its_labelled_files_packed_or_not(tmp_path: Path) -> None:
    for name in ("b.jsonl.gz", "a.jsonl", "card.json", "notes.gz"):
        (tmp_path / name).write_bytes(b"")
    alone = tmp_path / "notes.gz"
    assert [file.name for file in labelled_files([tmp_path, alone])] == ["a.jsonl", "b.jsonl.gz", "notes.gz"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no \.jsonl or \.jsonl\.gz file in it"):
        labelled_files([tmp_path / "empty"])
