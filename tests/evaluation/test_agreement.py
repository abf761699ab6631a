"""Two passes over the same comments."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.agreement import agreement, main
from evaluation.gold import read_labelled
from models import taxonomy
from models.errors import InputError
from tests.labelled import labelled_line, twelve, write_lines

TAX = taxonomy.load()
CRASH = {"poor_user_experience": "It crashes."}


def test_only_comments_of_both_passes_count(tmp_path: Path) -> None:
    one = read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), TAX)
    again = twelve()[:6]
    again[4] = labelled_line("c5", "The app crashes again.", sentiment=-1, intent="complaint")
    two = read_labelled(write_lines(tmp_path / "b.jsonl", again), TAX)
    found = agreement(one, two, TAX)
    assert found["sentiment accuracy"].n == 6
    assert found["sentiment accuracy"].value == 1
    assert found["poor_user_experience f1"].value == 0
    assert found["lack_of_empathy f1"].value == 1
    # Three of four issues were found again.
    assert found["issues micro_f1"].value == pytest.approx(6 / 7)


def test_one_id_of_two_texts_is_refused_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    first = write_lines(tmp_path / "a.jsonl", twelve())
    others = twelve()[:6]
    fewer = write_lines(tmp_path / "b.jsonl", others)
    assert (
        "6 comments are in one of the files only" in CliRunner().invoke(main, [str(first), str(fewer)]).stderr
    )
    others[4] = labelled_line("c5", "Another app crashes again.", sentiment=-1, intent="complaint")
    changed = write_lines(tmp_path / "c.jsonl", others)
    with pytest.raises(InputError, match="c5: the two files have different texts"):
        agreement(read_labelled(first, TAX), read_labelled(changed, TAX), TAX)


def test_files_that_share_nothing_are_refused_and_the_table_is_printed(tmp_path: Path) -> None:
    first = write_lines(tmp_path / "a.jsonl", twelve())
    other = write_lines(tmp_path / "b.jsonl", [labelled_line("x", "It crashes.", issues=CRASH)])
    with pytest.raises(InputError, match="no comment is in both"):
        agreement(read_labelled(first, TAX), read_labelled(other, TAX), TAX)
    result = CliRunner().invoke(main, [str(first), str(first)])
    assert result.exit_code == 0
    assert "issues micro_f1" in result.output
    assert "1.000" in result.output
