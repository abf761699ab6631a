"""`listenwell evaluate`: examine a model on labelled comments, beside baselines trained on the same data.

    listenwell evaluate --data dev.jsonl --train train.jsonl --output report/

Writes report.json and report.html and prints the headline table. Exit status 2 for files that cannot be read.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
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
from evaluation.behaviour.suite import Suite, comments_of, shipped
from evaluation.benchmarks import run_benchmarks
from evaluation.exam import Exam
from evaluation.frozen import check_unseen, log, tell_of_corrections
from evaluation.gold import LabelledComment, labelled_files, read_for_training, read_labelled, read_texts
from evaluation.intervals import RESAMPLES
from evaluation.predictions import Predictions, from_pipeline
from evaluation.report import HEADLINE, System, build, check_writable, headline_of, write
from models.errors import ArtifactError, TaxonomyError
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
@click.option("--behaviour/--no-behaviour", default=True, show_default=True, help="Run the behaviour tests.")
@click.option(
    "--benchmarks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of public benchmarks (sst2, tweeteval_sentiment) to measure on too.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="For resamples and baselines."
)
def evaluate(
    model: str,
    data: Path,
    output: Path,
    train: tuple[Path, ...],
    texts: tuple[Path, ...],
    baselines: bool,
    behaviour: bool,
    benchmarks: Path | None,
    seed: int,
) -> None:
    """Measure how good a model is, for whom, and against what."""
    pipeline = models.load(model)
    if pipeline.taxonomy.categories:
        raise TaxonomyError(
            f"model {model}: its categories are a person's own: python -m evaluation.own_categories measures those"
        )
    check_writable(output)
    files, known = labelled_files(train), read_texts(texts)
    comments = read_labelled(data, pipeline.taxonomy, known)
    check_unseen(comments, model, data.name)
    tell_of_corrections(comments, data.name)
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
    suite = shipped(pipeline.taxonomy) if behaviour else []
    with _progress() as progress:
        systems, left_out = _examine(pipeline, lesson, suite, BASELINES if baselines else (), progress)
        if behaviour and not suite:
            left_out.append("Behaviour tests: they speak of the default taxonomy only")
        checks = []
        if benchmarks:
            progress.add_task("Public benchmarks", total=None)
            checks = run_benchmarks(pipeline, benchmarks, seed=seed)
        progress.add_task("Drawing intervals", total=None)
        exam = Exam.of(comments, pipeline.taxonomy, seed=seed)
        report = build(exam, systems, about | {"left_out": left_out}, suite, checks)
    written = write(report, output)
    click.echo(log(data, "evaluate", [pipeline.version]), err=True)
    _print(report, written)


def _examine(
    pipeline: Pipeline,
    lesson: Lesson,
    suite: Suite,
    baselines: Sequence[Baseline],
    progress: Progress,
) -> tuple[list[System], list[str]]:
    """The model and every baseline that can run, and why the others cannot."""
    asked = comments_of(suite)
    systems, left_out = [_examine_model(pipeline, lesson.comments, asked, progress)], []
    both = replace(lesson, comments=[*lesson.comments, *asked])
    for baseline in baselines:
        if baseline.learns and not lesson.train:
            left_out.append(f"{baseline.title}: no training data was given (--train)")
            continue
        bar = progress.add_task(baseline.title, total=None)
        started = time.monotonic()
        try:
            predictions = baseline.predict(both)
        except ModuleNotFoundError as error:
            left_out.append(f"{baseline.title}: {error.name} is not installed")
        except ArtifactError as error:
            left_out.append(f"{baseline.title}: {error.detail}")
        else:
            seconds = time.monotonic() - started
            parts = _parts(predictions, len(lesson.comments), len(asked))
            systems.append(System(baseline.name, baseline.title, baseline.about, parts[0], seconds, parts[1]))
        progress.update(bar, total=1, completed=1)
    return systems, left_out


def _examine_model(
    pipeline: Pipeline,
    comments: Sequence[LabelledComment],
    asked: Sequence[LabelledComment],
    progress: Progress,
) -> System:
    """The time it takes is that of the comments alone."""
    bar = progress.add_task("The model", total=len(comments) + len(asked))
    started = time.monotonic()
    predictions = from_pipeline(pipeline, comments, lambda n: progress.advance(bar, n))
    seconds = time.monotonic() - started
    behaviour = from_pipeline(pipeline, asked, lambda n: progress.advance(bar, n)) if asked else None
    return System("model", "Listenwell", f"Version {pipeline.version}.", predictions, seconds, behaviour)


def _parts(both: Predictions, comments: int, asked: int) -> tuple[Predictions, Predictions | None]:
    """What is said of the comments, and of the texts of the behaviour tests, which follow them."""
    first = np.arange(comments + asked) < comments
    return both.part(first), both.part(~first) if asked else None


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


def _figure(figure: dict[str, Any] | None) -> str:
    return "–" if figure is None or figure["value"] is None else f"{figure['value']:.3f}"


def _rate(rate: dict[str, Any] | None, every: int) -> str:
    """With the number of cases where a system does not answer every one."""
    if rate is None:
        return "–"
    return f"{rate['value']:.3f}" if rate["n"] == every else f"{rate['value']:.3f} (of {rate['n']:,})"


def _print(report: dict[str, Any], written: Sequence[Path]) -> None:
    console = Console()
    if not console.is_terminal:  # a file has no width: nothing need be cut off
        console.width = 200
    table = Table(title=f"{report['data']['name']}: {report['data']['comments']:,} comments")
    table.add_column("", no_wrap=True)
    for system in report["systems"]:
        table.add_column(system["title"], justify="right")
    figures = [headline_of(system) for system in report["systems"]]
    for (_, _, question, measure), row in zip(HEADLINE, zip(*figures, strict=True), strict=True):
        table.add_row(f"{question} {measure}", *map(_figure, row))
    if report["behaviour"]:
        rates = [report["behaviour"]["systems"].get(system["name"]) for system in report["systems"]]
        every = report["behaviour"]["n"]
        table.add_row("Behaviour pass rate", *(_rate(rate, every) for rate in rates))
    for check in report["benchmarks"]:
        table.add_row(f"{check['title']}, {check['measure']}", _figure(check["figure"]))
    console.print(table)
    for line in report["left_out"]:
        console.print(f"Left out: {line}", markup=False)
    for path in written:
        console.print(f"Written: {path}", markup=False, soft_wrap=True)
