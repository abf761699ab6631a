"""What the experiment on corrections measures: issues macro-F1 of several models on the same comments, paired.

figures({"first": folder, "mixed": folder}, {"there": file})
"""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import click

import models
from evaluation.exam import Exam
from evaluation.gold import read_labelled
from evaluation.intervals import Estimate, difference
from evaluation.predictions import from_pipeline
from evaluation.tasks import TASKS

Figures = dict[str, Any]
_MEASURES = ("macro_f1", "micro_f1")


def figures(folders: Mapping[str, Path], files: Mapping[str, Path]) -> Figures:
    """For each file and measure: every model's figure, and every later one minus each earlier one, with intervals."""
    pipelines = {name: models.load(str(folder)) for name, folder in folders.items()}
    return {place: _place(pipelines, file) for place, file in files.items()}


def _place(pipelines: Mapping[str, models.Pipeline], file: Path) -> Figures:
    comments = read_labelled(file, models.taxonomy.load())
    exam = Exam.of(comments, models.taxonomy.load())
    issues = next(task for task in TASKS if task.name == "issues")
    found: dict[str, Mapping[str, Estimate]] = {}
    for name, pipeline in pipelines.items():
        result = issues.measure(exam, from_pipeline(pipeline, comments))
        assert result is not None
        found[name] = result.measures
    return {"n": len(comments)} | {
        measure: {
            "models": {name: each[measure].to_dict() for name, each in found.items()},
            "differences": {
                f"{later} - {earlier}": difference(found[later][measure], found[earlier][measure]).to_dict()
                for earlier, later in combinations(found, 2)
            },
        }
        for measure in _MEASURES
    }


def show(found: Figures, seconds: Mapping[str, float]) -> None:
    """The table of the experiment."""
    for place, one in found.items():
        for measure in _MEASURES:
            click.echo(f"{place}, n = {one['n']}: issues {measure}")
            for part in ("models", "differences"):
                for name, value in one[measure][part].items():
                    sign = "+" if part == "differences" else ""
                    low, high = (format(value[end], f"{sign}.3f") for end in ("low", "high"))
                    click.echo(f"  {name:18} {value['value']:{sign}.3f} [{low}, {high}]")
    click.echo("seconds: " + ", ".join(f"{name} {took:.0f}" for name, took in seconds.items()))
