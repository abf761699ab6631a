"""The report holds every figure, no text of a comment, and nothing that could run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import models
from evaluation.baselines import BASELINES, Lesson
from evaluation.exam import Exam
from evaluation.gold import read_labelled
from evaluation.predictions import from_pipeline
from evaluation.report import System, build, headline_of, render, write
from tests.labelled import twelve, write_lines

ATTACK = "<script>alert(1)</script>"
ABOUT: dict[str, Any] = {
    "measured_at": "2026-11-21T10:00:00Z",
    "seed": 0,
    "resamples": 20,
    "model": {"name": "weightless", "version": "weightless-1", "taxonomy_version": "cx-1.0"},
    "data": {
        "name": f"{ATTACK}.jsonl",
        "sha256": "0" * 64,
        "comments": 12,
        "drawn_at_random": 8,
        "also_in_training": 12,
    },
    "training_data": [{"name": "a.jsonl", "sha256": "1" * 64, "comments": 12, "drawn_at_random": 8}],
    "left_out": ["MiniLM: torch is not installed"],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, pipeline: models.Pipeline) -> dict[str, Any]:
    """The weightless model and three baselines on twelve comments, one of a source with a hostile name."""
    lines = twelve()
    lines[0]["source"] = ATTACK
    path = write_lines(tmp_path_factory.mktemp("data") / "a.jsonl", lines)
    comments = read_labelled(path, pipeline.taxonomy)
    exam = Exam.of(comments, pipeline.taxonomy, resamples=20)
    train = [replace(c, text=f"{c.text} Visit {visit}.") for c in comments for visit in range(6)]
    lesson = Lesson(train, comments, pipeline.taxonomy)
    systems = [System("model", "Listenwell", "Words.", from_pipeline(pipeline, comments), 0.1)]
    systems += [System(b.name, b.title, b.about, b.predict(lesson), 1.0) for b in BASELINES[:3]]
    return build(exam, systems, ABOUT)


def test_both_files_are_written_and_json_is_strict(report: dict[str, Any], tmp_path: Path) -> None:
    data, page = write(report, tmp_path / "deep" / "report")
    assert json.loads(data.read_text(encoding="utf-8")) == report
    assert page.read_text(encoding="utf-8") == render(report)


def test_no_text_of_a_comment_is_in_it(report: dict[str, Any]) -> None:
    held = json.dumps(report, ensure_ascii=False) + render(report)
    assert not [line["id"] for line in twelve() if line["text"] != "n/a" and line["text"] in held]


def test_the_page_escapes_names_and_fetches_nothing(report: dict[str, Any]) -> None:
    page = render(report)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 4  # title, heading, slice, file
    assert not [word for word in ("http:", "https:", "//", "src=", "@import", "url(") if word in page]


def test_every_figure_has_its_interval_and_n(report: dict[str, Any]) -> None:
    figures = [
        figure
        for system in report["systems"]
        for task in filter(None, system["tasks"].values())
        for holder in [task, *task["labels"]]
        for figure in holder["measures"].values()
    ]
    assert len(figures) > 200
    for figure in figures:
        assert set(figure) == {"value", "low", "high", "n"}
        assert figure["value"] is None or figure["low"] is None or figure["low"] <= figure["high"]


def test_baselines_stand_beside_the_model(report: dict[str, Any]) -> None:
    page = render(report)
    assert [system["name"] for system in report["systems"]] == ["model", "majority", "vader", "tfidf"]
    assert all(f'<th scope="row">{system["title"]}</th>' in page for system in report["systems"])
    assert headline_of(report["systems"][2])[0] is None  # VADER knows no issues
    sentiment = [d for d in report["differences"] if d["system"] == "vader"]
    assert [(d["task"], d["measure"]) for d in sentiment] == [
        ("sentiment", "accuracy"),
        ("sentiment", "macro_f1"),
    ]


def test_the_difference_is_that_of_the_figures(report: dict[str, Any]) -> None:
    model, _, _, tfidf = (headline_of(system)[0] for system in report["systems"])
    (gap,) = (
        d
        for d in report["differences"]
        if (d["system"], d["task"], d["measure"]) == ("tfidf", "issues", "micro_f1")
    )
    assert model is not None
    assert tfidf is not None
    assert gap["value"] == pytest.approx(model["value"] - tfidf["value"], abs=2e-4)


def test_charts_show_the_model_and_baselines_that_find_something(report: dict[str, Any]) -> None:
    page = render(report)
    chart = page[page.index('aria-label="Issues: F1') :].split("</svg>")[0]
    assert chart.count('class="s0"') == chart.count('class="s1"') == 10
    assert 'class="s2"' not in chart  # the majority class and VADER find no issue


def test_risk_and_coverage_are_drawn_for_systems_with_probabilities(report: dict[str, Any]) -> None:
    curves = {system["name"]: system["tasks"]["review"] for system in report["systems"]}
    assert curves["vader"] is None
    assert [point["coverage"] for point in curves["model"]["curve"]][:2] == [1.0, 0.95]
    assert set(curves["model"]["measures"]) >= {"flagged", "errors_flagged"}
    page = render(report)
    chart = page[page.index('aria-label="Risk over coverage"') :].split("</svg>")[0]
    assert chart.count("<polyline") == 2  # the model and TF-IDF


def test_public_benchmarks_stand_in_the_report(report: dict[str, Any]) -> None:
    assert "Checks from outside" not in render(report)
    figure = {"value": 0.9, "low": 0.88, "high": 0.92, "n": 1821}
    checked = {"name": "sst2", "title": "SST-2 test", "measure": "accuracy", "figure": figure}
    page = render({**report, "benchmarks": [checked]})
    assert "SST-2 test" in page
    assert "1,821" in page


def test_a_report_without_baselines_is_a_report(report: dict[str, Any]) -> None:
    alone = {**report, "systems": report["systems"][:1], "differences": [], "training_data": []}
    page = render(alone)
    assert "The model against each baseline" not in page
    assert "Reliability diagram" in page
