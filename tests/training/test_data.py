"""What a run rests on: which texts are taken, what they are known by, and what is said of those learnt from."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from evaluation.frozen import hashes_of
from models import taxonomy
from models.artifact import LEARNT
from models.schema import Comment
from tests.labelled import labelled_line, twelve, write_lines
from training.config import read_config
from training.data import CORRECTION, Corpus, add_unlabelled, learnt_from, read_corpus
from training.run import _fingerprint, _write_learnt

TAX = taxonomy.load()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return read_corpus([write_lines(tmp_path / "labels.jsonl", twelve())], TAX, share=0.3, seed=6)


def test_words_that_were_erased_are_not_learnt_though_their_id_came_back(tmp_path: Path) -> None:
    def exported(name: str, **texts: str) -> Path:
        lines = [labelled_line(id, text, fields={"draw": CORRECTION}) for id, text in texts.items()]
        return write_lines(tmp_path / name, lines)

    plain = write_lines(tmp_path / "plain.jsonl", twelve())
    old = exported("old.jsonl", k="My name is Jo.", z="Erased for good.", s="It stayed.")
    now = exported("now.jsonl", k="The parcel came on time.", s="It stayed.")
    found = read_corpus([plain, old], TAX, share=0.3, seed=6, production=now)
    texts = [one.text for one in (*found.training, *found.held_out) if one.draw == CORRECTION]
    assert sorted(texts) == ["It stayed.", "The parcel came on time."]
    assert found.gone == 2


def test_labelled_and_barred_texts_are_not_taken_for_their_polarity(corpus: Corpus, tmp_path: Path) -> None:
    known = [corpus.training[0].text, corpus.held_out[0].text.upper(), "In the exam"]
    texts = [*known, *(f"text {at}" for at in range(6))]
    entries = [
        {"text": text, "labels": {"emotions": [emotion]}}
        for emotion in ("joy", "anger", "neutral")
        for text in (texts if emotion == "joy" else [f"{emotion} {at}" for at in range(9)])
    ]
    file = write_lines(tmp_path / "emotions.jsonl", entries)
    add_unlabelled(corpus, [], [file], [], ["in the exam!"], limit=0, draw=1)
    assert not set(known) & {comment.text for comment in corpus.polar}
    assert [corpus.polarities.count(side) for side in range(3)] == [6, 6, 6]


def test_a_model_that_does_not_say_what_it_learnt_is_named(
    corpus: Corpus, tiny_artifact: Path, tmp_path: Path
) -> None:
    telling = Path(shutil.copytree(tiny_artifact, tmp_path / "telling"))
    heard = hashes_of(["Nobody has ever said this before."])
    (telling / LEARNT).write_text("\n".join(heard), encoding="ascii")
    own, silent = learnt_from(corpus, [])
    assert (own, silent) == (hashes_of(line["text"] for line in twelve()), [])
    assert learnt_from(corpus, [telling]) == (own | heard, [])
    assert learnt_from(corpus, [telling, tiny_artifact]) == (own | heard, [tiny_artifact])


def test_a_list_that_is_not_whole_is_not_written(tmp_path: Path) -> None:
    said: list[str] = []
    _write_learnt(tmp_path, {"b", "a"}, [Path("runs/older")], said.append)
    assert not (tmp_path / LEARNT).exists()
    assert "older" in said[0]
    _write_learnt(tmp_path, {"b", "a"}, [], said.append)
    assert (tmp_path / LEARNT).read_text() == "a\nb\n"


def test_a_run_is_known_by_its_texts_questions_and_taxonomy(corpus: Corpus) -> None:
    """The files alone do not tell which texts the exam barred, nor what other files say was asked."""
    first, *rest = corpus.training
    polar = dataclasses.replace(corpus, polar=[Comment("Grand")])
    other = taxonomy.from_dict(json.loads(TAX.to_json()) | {"version": "cx-other"})
    runs = [
        (corpus, TAX),
        (corpus, other),
        (dataclasses.replace(corpus, training=[dataclasses.replace(first, question="Why?"), *rest]), TAX),
        (dataclasses.replace(corpus, training=rest, held_out=[*corpus.held_out, first]), TAX),
        (polar, TAX),
        (dataclasses.replace(corpus, unlabelled=polar.polar), TAX),
    ]
    prints = [_fingerprint(each, read_config(), tax, []) for each, tax in runs]
    assert len(set(prints)) == len(runs)
    assert _fingerprint(dataclasses.replace(corpus), read_config(), TAX, []) == prints[0]
