"""`listenwell evaluate`: examine a model on labelled comments, beside baselines trained on the same data.

    listenwell evaluate --data dev.jsonl --train train.jsonl --output report/

Writes report.json and report.html and prints the headline table. Exit status 2 for files that cannot be read.
"""

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

import models
from evaluation.baselines import BASELINES, Baseline, Lesson
from evaluation.exam import Exam
from evaluation.gold import LabelledComment, labelled_files, read_for_training, read_labelled, read_texts
from evaluation.intervals import RESAMPLES
from evaluation.predictions import from_pipeline
from evaluation.report import HEADLINE, System, build, headline_of, write
from models.errors import ArtifactError
from models.pipeline import Pipeline

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command()
@click.option("--model", default="default", show_default=True, help="A model folder, or a name.")
@click.option("--data", type=_FILE, required=True, help="Labelled comments (JSONL) to measure on.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Report folder."
)
@click.option(
    "--train",
    type=_PLACE,
    multiple=True,
    help="Labelled comments, or a folder, to train the baselines on; repeatable.",
)
@click.option(
    "--texts", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) that stand-off labels speak of."
)
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Measure baselines too.")
@click.option("--seed", default=0, show_default=True, help="For resamples and baselines.")
def evaluate(
    model: str,
    data: Path,
    output: Path,
    train: tuple[Path, ...],
    texts: tuple[Path, ...],
    baselines: bool,
    seed: int,
) -> None:
    """Measure how good a model is, for whom, and against what."""
    pipeline = models.load(model)
    comments = read_labelled(data, pipeline.taxonomy)
    files, known = labelled_files(train), read_texts(texts)
    lessons = [read_for_training(path, pipeline.taxonomy, known) for path in files]
    lesson = Lesson([c for part in lessons for c in part], comments, pipeline.taxonomy, seed)
    about = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seed": seed,
        "resamples": RESAMPLES,
        "model": {
            "name": Path(model).resolve().name,
            "version": pipeline.version,
            "taxonomy_version": pipeline.taxonomy.version,
        },
        "data": _about_file(data, comments) | {"also_in_training": _shared(lesson)},
        "training_data": [_about_file(path, part) for path, part in zip(files, lessons, strict=True)],
    }
    with _progress() as progress:
        systems, left_out = _examine(pipeline, lesson, BASELINES if baselines else (), progress)
        progress.add_task("Drawing intervals", total=None)
        exam = Exam.of(comments, pipeline.taxonomy, seed=seed)
        report = build(exam, systems, about | {"left_out": left_out})
    written = write(report, output)
    _print(report, written)


def _examine(
    pipeline: Pipeline, lesson: Lesson, baselines: Sequence[Baseline], progress: Progress
) -> tuple[list[System], list[str]]:
    """The model and every baseline that can run, and why the others cannot."""
    started = time.monotonic()
    bar = progress.add_task("The model", total=len(lesson.comments))
    predictions = from_pipeline(pipeline, lesson.comments, lambda n: progress.advance(bar, n))
    about = f"Version {pipeline.version}."
    systems = [System("model", "Listenwell", about, predictions, time.monotonic() - started)]
    left_out = []
    for baseline in baselines:
        if baseline.learns and not lesson.train:
            left_out.append(f"{baseline.title}: no training data was given (--train)")
            continue
        bar = progress.add_task(baseline.title, total=None)
        started = time.monotonic()
        try:
            predictions = baseline.predict(lesson)
        except ModuleNotFoundError as error:
            left_out.append(f"{baseline.title}: {error.name} is not installed")
        except ArtifactError as error:
            left_out.append(f"{baseline.title}: {error.detail}")
        else:
            seconds = time.monotonic() - started
            systems.append(System(baseline.name, baseline.title, baseline.about, predictions, seconds))
        progress.update(bar, total=1, completed=1)
    return systems, left_out


def _about_file(path: Path, comments: Sequence[LabelledComment]) -> dict[str, Any]:
    return {
        "name": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "comments": len(comments),
        "drawn_at_random": sum(comment.draw == "random" for comment in comments),
    }


def _shared(lesson: Lesson) -> int:
    """How many of the texts measured on are, case aside, also among those trained on."""
    known = {comment.text.strip().lower() for comment in lesson.train}
    return sum(comment.text.strip().lower() in known for comment in lesson.comments)


def _progress() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _print(report: dict[str, Any], written: Sequence[Path]) -> None:
    console = Console()
    table = Table(title=f"{report['data']['name']}: {report['data']['comments']:,} comments")
    table.add_column("", no_wrap=True)
    for system in report["systems"]:
        table.add_column(system["title"], justify="right")
    figures = [headline_of(system) for system in report["systems"]]
    for (_, _, question, measure), row in zip(HEADLINE, zip(*figures, strict=True), strict=True):
        cells = ["–" if f is None or f["value"] is None else f"{f['value']:.3f}" for f in row]
        table.add_row(f"{question} {measure}", *cells)
    console.print(table)
    for line in report["left_out"]:
        console.print(f"Left out: {line}", markup=False)
    for path in written:
        console.print(f"Written: {path}", markup=False, soft_wrap=True)
