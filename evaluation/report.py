"""From systems' predictions to report.json and report.html. No text of a comment is in either.

    report = build(exam, systems, about, suite)
    write(report, Path("report"))

The page is drawn from the JSON alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.behaviour.results import section
from evaluation.behaviour.suite import Suite
from evaluation.benchmarks import Checked
from evaluation.exam import Exam
from evaluation.intervals import ENOUGH, LEVEL, Estimate, difference
from evaluation.judging import Result, Row
from evaluation.predictions import Predictions
from evaluation.tasks import TASKS, measure_slice
from models.errors import InputError

FORMAT = 1
HEADLINE = (
    ("issues", "micro_f1", "Issues", "micro-F1"),
    ("issues", "macro_f1", "Issues", "macro-F1"),
    ("strengths", "micro_f1", "Strengths", "micro-F1"),
    ("strengths", "macro_f1", "Strengths", "macro-F1"),
    ("sentiment", "accuracy", "Sentiment", "accuracy"),
    ("sentiment", "macro_f1", "Sentiment", "macro-F1"),
    ("empathy", "gate_f1", "Empathy", "gate F1"),
    ("empathy", "level_kappa", "Empathy", "level kappa"),
    ("evidence", "overlap", "Evidence", "overlap"),
)
"""Task, measure, and how the two are headed."""

UNPAIRED = ("empathy", "level_kappa")
"""Compared where the system gives a level: each system has other comments, so that no two of these are compared."""

MEASURES = {
    "accuracy": "Accuracy",
    "micro_f1": "Micro-F1",
    "macro_f1": "Macro-F1",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "ap": "Average precision",
    "gate_f1": "Expressed or not: F1",
    "level_kappa": "Level: weighted kappa",
    "level_kappa_either": "Level: weighted kappa, unsaid as 0",
    "mixed_f1": "Mixed: F1",
    "overlap": "Spans that overlap an annotated sentence",
    "overlap_many": "… in comments of two sentences or more",
    "iou": "Intersection over union",
    "iou_whole": "… had the whole text been quoted",
    "outside": "Quoted, but outside the annotated sentences",
    "unquoted": "Annotated, but not quoted",
    "ece": "Calibration error",
    "flagged": "Flagged for a person",
    "errors_flagged": "Of the comments with a wrong label, flagged",
    "micro_f1_unflagged": "Micro-F1 of the others",
    "micro_f1_flagged": "Micro-F1 of the flagged",
    "labels_ece": "All labels",
    "labels_ece_above": "Probabilities over 0.1",
    "issues_ece": "Issues",
    "strengths_ece": "Strengths",
    "sentiment_ece": "Sentiment",
    "issues_micro_f1": "Issues micro-F1",
    "strengths_micro_f1": "Strengths micro-F1",
    "sentiment_accuracy": "Sentiment accuracy",
}


@dataclass(frozen=True)
class System:
    """Something that was examined: the model first, then the baselines. `seconds` is the time it took.

    `behaviour` is what it says of the texts of the behaviour tests, if it was asked.
    """

    name: str
    title: str
    about: str
    predictions: Predictions
    seconds: float
    behaviour: Predictions | None = None


def build(
    exam: Exam,
    systems: Sequence[System],
    about: Mapping[str, Any],
    suite: Suite = (),
    checks: Sequence[Checked] = (),
) -> dict[str, Any]:
    """Examine every system, the first against all others; `about` says what was measured on what.

    With a suite of behaviour tests, the systems that were asked are judged by it too. `checks` are public
    benchmarks that the model was measured on.
    """
    behaviours = {s.name: s.behaviour for s in systems if s.behaviour is not None}
    results = {
        system.name: {task.name: task.measure(exam, system.predictions) for task in TASKS}
        for system in systems
    }
    return {
        "format": FORMAT,
        **about,
        "interval": LEVEL,
        "enough": ENOUGH,
        "systems": [
            {
                "name": system.name,
                "title": system.title,
                "about": system.about,
                "seconds": round(system.seconds, 1),
                "tasks": {name: _result(found) for name, found in results[system.name].items()},
            }
            for system in systems
        ],
        "differences": [
            each for system in systems[1:] for each in _differences(systems[0].name, system.name, results)
        ],
        "slices": _slices(exam, systems),
        "benchmarks": [_check(each) for each in checks],
        "behaviour": section(suite, behaviours, exam.taxonomy) if suite and behaviours else None,
    }


def check_writable(folder: Path) -> None:
    """Make the folder of a report, before what may take hours. Raises `InputError` (code "unwritable_file")."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"--output {folder.name}: cannot be written: {error.strerror}"
        raise InputError(problem, code="unwritable_file") from error


def write(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write report.json and report.html into a folder, which is made; return their paths."""
    return write_both(report, render(report), folder)


def write_both(report: Mapping[str, Any], drawn: str, folder: Path) -> list[Path]:
    """Write a report as JSON and as the page that was drawn of it into a folder, which is made; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / "report.json", folder / "report.html"
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    data.write_text(text + "\n", encoding="utf-8")
    page.write_text(drawn, encoding="utf-8")
    return [data, page]


def render(report: Mapping[str, Any]) -> str:
    """One self-contained page: no script, no address of another file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html")
    tasks = {task.name: {"title": task.title, "about": task.about} for task in TASKS}
    return page.render(
        report=report,
        headline=HEADLINE,
        leaders=_leaders(report["systems"]),
        plotted=_plotted(report["systems"]),
        names=MEASURES,
        tasks=tasks,
    )


def headline_of(system: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    """The figures of one system of a report in the order of `HEADLINE`; None for what it does not answer."""
    found = []
    for task, measure, _, _ in HEADLINE:
        result = system["tasks"][task]
        found.append(result["measures"].get(measure) if result else None)
    return found


def _leaders(systems: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The name of the best system of each headline column; None where there is nothing to compare."""
    leaders: list[str | None] = []
    for (task, measure, _, _), *column in zip(HEADLINE, *map(headline_of, systems), strict=True):
        pairs = zip(column, systems, strict=True)
        values = {
            system["name"]: each["value"] for each, system in pairs if each and each["value"] is not None
        }
        compared = len(values) > 1 and (task, measure) != UNPAIRED
        leaders.append(max(values, key=values.__getitem__) if compared else None)
    return leaders


def _plotted(systems: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The model, and the baselines that find at least one issue or strength."""
    return [systems[0]] + [
        system
        for system in systems[1:]
        if system["tasks"]["issues"]
        and any(system["tasks"][task]["measures"]["micro_f1"]["value"] for task in ("issues", "strengths"))
    ]


def _result(result: Result | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "measures": _figures(result.measures),
        "labels": [_row(row) for row in result.rows],
        "bins": {
            name: [{k: round(v, 4) for k, v in asdict(each).items()} for each in bins]
            for name, bins in result.bins.items()
        },
        "curve": [{**asdict(point), "risk": round(point.risk, 4)} for point in result.curve],
    }


def _check(checked: Checked) -> dict[str, Any]:
    benchmark = checked.benchmark
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "measure": benchmark.measure,
        "figure": checked.figure.to_dict(),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "support": row.support,
        "predicted": row.predicted,
        "insufficient": row.insufficient,
        "measures": _figures(row.measures),
    }


def _figures(measures: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: figure.to_dict() for name, figure in measures.items()}


def _differences(
    model: str, other: str, results: Mapping[str, Mapping[str, Result | None]]
) -> list[dict[str, Any]]:
    found = []
    for task, measure, _, _ in HEADLINE:
        if (task, measure) == UNPAIRED:
            continue
        one, two = (results[name][task] for name in (model, other))
        if one and two and measure in one.measures and measure in two.measures:
            gap = difference(one.measures[measure], two.measures[measure])
            found.append({"system": other, "task": task, "measure": measure, **gap.to_dict()})
    return found


def _slices(exam: Exam, systems: Sequence[System]) -> list[dict[str, Any]]:
    return [
        {
            "kind": part.kind,
            "name": part.name,
            "n": int(part.chosen.sum()),
            "systems": {s.name: _figures(measure_slice(exam, part, s.predictions)) for s in systems},
        }
        for part in exam.slices()
    ]
