"""Texts without labels: what is taken, what is left, and what emotions say of polarity."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import InputError
from training.unlabelled import NEGATIVE, NEUTRAL, POSITIVE, read_emotions, read_opinions, read_unlabelled


def write(file: Path, *entries: Any) -> Path:
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    file.write_bytes(gzip.compress(lines.encode()) if file.suffix == ".gz" else lines.encode())
    return file


def test_labelled_and_repeated_texts_are_left_out(tmp_path: Path) -> None:
    file = write(
        tmp_path / "pool.jsonl.gz",
        {"id": "1", "text": "Late again!", "source": "a"},
        {"id": "2", "text": "late AGAIN", "source": "b"},
        {"id": "3", "text": "Nice staff", "question": "Why?", "source": "a"},
        {"id": "4", "text": "Known already", "source": "a"},
        {"id": "5", "text": "...", "source": "a"},
    )
    found = read_unlabelled([file], limit=0, draw=1, known=["known, already."])
    assert sorted((c.text, c.question) for _, c in found) == [("Late again!", None), ("Nice staff", "Why?")]


def test_each_source_has_its_limit_and_keeps_its_choice(tmp_path: Path) -> None:
    many = [{"id": str(i), "text": f"comment number {i}", "source": "large"} for i in range(50)]
    few = [{"id": f"s{i}", "text": f"another {i}", "source": "small"} for i in range(3)]
    first = read_unlabelled([write(tmp_path / "a.jsonl", *many, *few)], limit=10, draw=1, known=[])
    again = read_unlabelled([write(tmp_path / "b.jsonl", *few, *reversed(many))], limit=10, draw=1, known=[])
    assert len(first) == 13
    assert {c.text for _, c in first} == {c.text for _, c in again}
    assert {path.name for path, _ in first} == {"a.jsonl"}


def test_another_draw_takes_other_texts(tmp_path: Path) -> None:
    many = [{"id": str(i), "text": f"comment number {i}", "source": "large"} for i in range(200)]
    file = write(tmp_path / "a.jsonl", *many)
    first, again, other = (
        {comment.text for _, comment in read_unlabelled([file], limit=20, draw=draw, known=[])}
        for draw in (1, 1, 2)
    )
    assert first == again
    assert len(other) == 20
    assert len(first & other) < 10


def test_a_line_without_text_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl", {"id": "1", "text": "ok"}, {"id": "2"})
    with pytest.raises(InputError, match=r"pool.jsonl, line 2: text") as caught:
        read_unlabelled([file], limit=0, draw=1, known=[])
    assert caught.value.code == "invalid_texts"


def test_what_is_wrong_with_a_line_is_what_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "pool.jsonl", {"id": "1", "text": "fine", "question": 5})
    with pytest.raises(InputError, match="line 1: question: must be a string or null"):
        read_unlabelled([file], limit=0, draw=1, known=[])
    for labels in (None, {}, {"emotions": "joy"}, {"emotions": [["joy"]]}):
        file = write(tmp_path / "e.jsonl", {"text": "fine", "labels": labels})
        with pytest.raises(InputError, match=r"line 1: labels\.emotions: must be a list of strings"):
            read_emotions(file, limit=0, draw=1, known=[])
    with pytest.raises(InputError, match="line 1: text: must be a string"):
        read_emotions(write(tmp_path / "f.jsonl", {"labels": {"emotions": []}}), limit=0, draw=1, known=[])


def test_emotions_that_lean_one_way_are_a_polarity(tmp_path: Path) -> None:
    entries = [
        ("grand", ["joy", "love"]),
        ("torn", ["joy", "anger"]),
        ("odd", ["surprise"]),
        ("bah", ["annoyance"]),
    ]
    entries.append(("the train left at nine", ["neutral"]))
    file = write(tmp_path / "e.jsonl", *({"text": t, "labels": {"emotions": e}} for t, e in entries))
    comments, sides = read_emotions(file, limit=0, draw=1, known=[])
    found = {c.text: side for c, side in zip(comments, sides, strict=True)}
    assert found == {"grand": POSITIVE, "bah": NEGATIVE, "the train left at nine": NEUTRAL}
    with pytest.raises(InputError, match="line 1"):
        read_emotions(write(tmp_path / "f.jsonl", {"text": "x", "labels": {}}), limit=0, draw=1, known=[])


def test_praise_and_blame_are_taken_alike(tmp_path: Path) -> None:
    emotions = ["joy"] * 20 + ["anger"] * 7 + ["neutral"] * 12
    entries = [{"text": f"text {i}", "labels": {"emotions": [e]}} for i, e in enumerate(emotions)]
    file = write(tmp_path / "e.jsonl", *entries)
    for limit, each in ((0, 7), (9, 3), (11, 3), (900, 7)):
        comments, sides = read_emotions(file, limit=limit, draw=1, known=[])
        assert len(comments) == len(sides)
        assert [sides.count(side) for side in (NEGATIVE, NEUTRAL, POSITIVE)] == [each] * 3


def test_texts_that_are_labelled_or_barred_are_no_texts_of_known_polarity(tmp_path: Path) -> None:
    emotions = ["joy"] * 8 + ["anger"] * 8 + ["neutral"] * 8
    entries = [{"text": f"Text {i}!", "labels": {"emotions": [e]}} for i, e in enumerate(emotions)]
    file = write(tmp_path / "e.jsonl", *entries)
    comments, sides = read_emotions(file, limit=0, draw=1, known=["text 0", "TEXT 9.", "text 10"])
    assert not {"Text 0!", "Text 9!", "Text 10!"} & {comment.text for comment in comments}
    assert [sides.count(side) for side in (NEGATIVE, NEUTRAL, POSITIVE)] == [6] * 3
    assert len(read_emotions(file, limit=15, draw=1, known=["text 0", "text 9", "text 10"])[0]) == 15


def test_opinions_are_polarities_none_twice_and_none_that_is_known(tmp_path: Path) -> None:
    entries = [("dull", -2), ("fine", 1), ("at six", 0), ("Dull!", -2), ("of the exam", 2), ("?", 1)]
    file = write(tmp_path / "o.jsonl", *({"text": text, "sentiment": level} for text, level in entries))
    comments, sides = read_opinions(file, known=["Of the exam."])
    assert [comment.text for comment in comments] == ["dull", "fine", "at six"]
    assert sides == [NEGATIVE, POSITIVE, NEUTRAL]


@pytest.mark.parametrize(
    "entry",
    [
        {"text": "x"},
        {"text": "x", "sentiment": 3},
        {"text": 1, "sentiment": 1},
        {"text": "x", "sentiment": True},
    ],
)
def test_an_opinion_needs_a_text_and_a_level(tmp_path: Path, entry: dict[str, object]) -> None:
    file = write(tmp_path / "o.jsonl", {"text": "fine", "sentiment": 1}, entry)
    with pytest.raises(InputError, match=r"o\.jsonl, line 2: text: must be a string, and sentiment one of"):
        read_opinions(file, known=[])
