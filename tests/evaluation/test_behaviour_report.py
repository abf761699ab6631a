"""The behaviour tests in the report: in its JSON, on its page, and in the table that `evaluate` prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evaluation.commands import evaluate
from tests.labelled import twelve, write_lines


def run(folder: Path, *more: str) -> tuple[Result, dict[str, Any], str]:
    data = write_lines(folder / "dev.jsonl", twelve())
    options = ["--model", "weightless", "--data", str(data), "--output", str(folder / "report"), *more]
    result = CliRunner().invoke(evaluate, options)
    assert result.exit_code == 0, result.output
    report = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    return result, report, (folder / "report" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, dict[str, Any], str]:
    """The weightless model beside VADER."""
    return run(tmp_path_factory.mktemp("behaviour"))


def test_each_test_has_its_rate_for_each_system(found: tuple[Result, dict[str, Any], str]) -> None:
    tests = found[1]["behaviour"]["tests"]
    assert len(tests) >= 44
    for test in tests:
        model, vader = (test["systems"][name] for name in ("model", "vader"))
        assert model["n"] == test["n"] >= 20
        assert 0 <= model["low"] <= model["value"] <= model["high"] <= 1
        assert len(test["failed"]) == min(4, test["n"] - model["passed"])
        assert vader is None or vader["n"] == test["n"]
    answered = {test["name"] for test in tests if test["systems"]["vader"]}
    assert "Sarcastic praise is blame" in answered
    assert "Three kinds of waiting" not in answered


def test_the_figures_of_the_exam_are_those_without_it(
    found: tuple[Result, dict[str, Any], str], tmp_path: Path
) -> None:
    result, report, page = run(tmp_path, "--no-behaviour")
    assert report["behaviour"] is None
    assert "Behaviour pass rate" not in result.output
    assert 'id="behaviour"' not in page
    assert [system["tasks"] for system in report["systems"]] == [s["tasks"] for s in found[1]["systems"]]


def test_the_headline_has_its_line(found: tuple[Result, dict[str, Any], str]) -> None:
    (line,) = (line for line in found[0].output.splitlines() if "Behaviour pass rate" in line)
    assert f"{found[1]['behaviour']['systems']['model']['value']:.3f}" in line
    vader = found[1]["behaviour"]["systems"]["vader"]
    assert f"{vader['value']:.3f} (of {vader['n']:,})" in line
    assert vader["n"] < found[1]["behaviour"]["n"]


def test_the_page_shows_failing_tests_first_and_some_of_their_cases(
    found: tuple[Result, dict[str, Any], str],
) -> None:
    _, report, page = found
    tests = report["behaviour"]["tests"]
    part = page[page.index('id="behaviour"') :]
    low = [test for test in tests if test["systems"]["model"]["value"] < 0.7]
    assert part.count('class="fails"') == len(low) > 0
    assert part.index("Sarcastic kindness is rudeness") < part.index("Tests passed")
    assert "So kind of the receptionist to laugh in my face." in part
    assert "<script" not in page
    assert not [word for word in ("http:", "https:", "src=", "@import", "url(") if word in page]
