"""The exam of masking: the marked comments are as many as the papers say, and the figures count right."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.intervals import wilson
from evaluation.privacy.__main__ import main
from evaluation.privacy.marked import FOLDER, read_marked
from evaluation.privacy.measure import judge, rows
from models import InputError
from models.masking.kinds import KINDS
from models.masking.masker import Hidden, load


def test_there_is_enough_to_measure_and_nothing_is_in_both_halves() -> None:
    halves = [read_marked(FOLDER / f"{half}.txt") for half in ("develop", "held_out")]
    both = [comment for half in halves for comment in half]
    assert sum(len(comment.spans) for comment in both) >= 300
    assert sum(bool(comment.spans) for comment in both) >= 250
    assert sum(not comment.spans for comment in both) >= 100
    assert {span.kind for comment in halves[1] for span in comment.spans} == set(KINDS)
    assert not {comment.text for comment in halves[0]} & {comment.text for comment in halves[1]}


def test_masking_twice_changes_nothing() -> None:
    masker = load(KINDS)
    for comment in read_marked(FOLDER / "develop.txt"):
        once = masker.mask(comment.text).text
        assert masker.mask(once).text == once


def test_marks_become_offsets(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("é {name:Ada}\\n{phone:555-0100}\n", encoding="utf-8")
    (comment,) = read_marked(file)
    assert comment.text == "é Ada\n555-0100"
    assert [comment.text[span.start : span.end] for span in comment.spans] == ["Ada", "555-0100"]
    file.write_text("{shoe:41}", encoding="utf-8")
    with pytest.raises(InputError, match=r"some\.txt:1: 'shoe'"):
        read_marked(file)


def test_half_a_name_is_not_found_and_an_innocent_word_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("{name:Ada Blum} likes {name:Bo}", encoding="utf-8")
    (comment,) = read_marked(file)
    table = {row.name: row for row in rows([judge(comment, [Hidden("name", 0, 3), Hidden("name", 9, 14)])])}
    assert (table["name"].recall.hits, table["name"].recall.n) == (0, 2)
    assert (table["name"].precision.hits, table["all"].precision.n) == (1, 2)
    assert str(table["card"].recall) == "– of 0"


def test_wilson() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_command_prints_a_row_a_kind_and_finds_most() -> None:
    done = CliRunner().invoke(main, ["--half", "develop"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [*KINDS, "all"]
    assert float(lines[-1].split("recall ")[1][:4]) >= 0.9


def test_the_command_says_what_it_costs() -> None:
    done = CliRunner().invoke(main, ["--half", "develop", "--cost", "--model", "weightless"])
    assert done.exit_code == 0, done.output
    assert "labels unchanged in" in done.output
