"""`listenwell models compare`: may this model follow that one?

    listenwell models compare default runs/mine --data test.jsonl --output report/

Writes report.json, which `listenwell models promote --report` reads, and report.html; prints the gate's answer.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import models
from evaluation.behaviour.suite import comments_of, shipped
from evaluation.comparing.comparison import behaviour, comparison
from evaluation.comparing.gate import gate
from evaluation.comparing.page import write
from evaluation.comparing.speed import speed
from evaluation.exam import Exam
from evaluation.frozen import check_unseen, log, tell_of_corrections
from evaluation.gold import LabelledComment, read_labelled, read_texts
from evaluation.intervals import ENOUGH, LEVEL, RESAMPLES
from evaluation.predictions import Predictions, from_pipeline
from evaluation.report import check_writable
from models.errors import TaxonomyError
from models.loading import facts_of
from models.pipeline import Pipeline

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--data", type=_FILE, required=True, help="Labelled comments (JSONL) that neither was trained on."
)
@click.option(
    "--texts", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) that stand-off labels speak of."
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Report folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the report.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="For resamples.")
def compare(
    a: str, b: str, data: Path, texts: tuple[Path, ...], output: Path | None, as_json: bool, seed: int
) -> None:
    """Compare the model B with the model A: folders, "default" or "weightless"."""
    pipelines = (models.load(a), models.load(b))
    _check(*pipelines)
    if output is not None:
        check_writable(output)
    comments = read_labelled(data, pipelines[0].taxonomy, read_texts(texts))
    for name in (a, b):
        check_unseen(comments, name, data.name)
    tell_of_corrections(comments, data.name)
    about = {
        "format": 1,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seed": seed,
        "resamples": RESAMPLES,
        "interval": LEVEL,
        "enough": ENOUGH,
        "data": {
            "name": data.name,
            "sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
            "comments": len(comments),
        },
        "a": _about(a, pipelines[0]),
        "b": _about(b, pipelines[1]),
    }
    with Progress(console=Console(stderr=True), transient=True) as progress:
        report = about | compared(*pipelines, comments, seed=seed, progress=progress)
    click.echo(log(data, "compare", [pipeline.version for pipeline in pipelines]), err=True)
    if as_json:
        click.echo(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _print(report)
    for path in write(report, output) if output else []:
        click.echo(f"Written: {path}", err=as_json)


def compared(
    a: Pipeline, b: Pipeline, comments: list[LabelledComment], *, seed: int, progress: Progress
) -> dict[str, Any]:
    """All that is measured of both, and the gate's answer."""
    exam, suite = Exam.of(comments, a.taxonomy, seed=seed), shipped(a.taxonomy)
    asked = comments_of(suite)

    def said(pipeline: Pipeline, of: list[LabelledComment], name: str) -> Predictions:
        return from_pipeline(pipeline, of, _advance(progress, name, len(of)))

    found = comparison(exam, said(a, comments, "A"), said(b, comments, "B"))
    found["behaviour"] = (
        behaviour(suite, said(a, asked, "A, behaviour"), said(b, asked, "B, behaviour"), exam, seed=seed)
        if suite
        else None
    )
    progress.add_task("Speed", total=None)
    found["speed"] = speed(a, b, [one.comment for one in comments], seed=seed)
    return found | {"gate": gate(found)}


def _advance(progress: Progress, name: str, total: int) -> Callable[[int], None]:
    bar = progress.add_task(name, total=total)
    return lambda count: progress.advance(bar, count)


def _check(a: Pipeline, b: Pipeline) -> None:
    if a.taxonomy.categories:
        raise TaxonomyError("models with categories of one's own are not compared here")
    if a.taxonomy.to_dict() != b.taxonomy.to_dict():
        raise TaxonomyError(
            f"{a.version} and {b.version} were trained to say different things "
            f"({a.taxonomy.version}, {b.taxonomy.version})"
        )


def _about(name: str, pipeline: Pipeline) -> dict[str, Any]:
    artifact = facts_of(name).artifact
    served = artifact and (artifact.path / "model.onnx").stat().st_size
    return {
        "name": artifact.path.name if artifact else name,
        "version": pipeline.version,
        "taxonomy_version": pipeline.taxonomy.version,
        "bytes": served or 0,
    }


def _print(report: dict[str, Any]) -> None:
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(title=f"{report['data']['name']}: {report['data']['comments']:,} comments")
    for column in ("", f"A {report['a']['version']}", f"B {report['b']['version']}", "B - A", "95 %"):
        table.add_column(column, justify="right" if column else "left")
    for one in report["measures"]:
        table.add_row(one["title"], *_cells(one))
    for one in report["calibration"]:
        table.add_row(f"Calibration {one['measure']}", *_cells(one))
    if report["behaviour"]:
        table.add_row("Behaviour pass rate", *_cells(report["behaviour"]))
    console.print(table)
    time = report["speed"]["ratio"]
    size = report["b"]["bytes"] / report["a"]["bytes"] if report["a"]["bytes"] else None
    console.print(
        f"Time of B over A: {time['value']:.2f} [{time['low']:.2f}, {time['high']:.2f}]"
        + (f"; size {size:.2f}" if size else "")
    )
    console.print("The gate lets B pass." if report["gate"]["passed"] else "The gate refuses B:")
    for one in report["gate"]["refusals"]:
        console.print(f"- {one['detail']}", markup=False, highlight=False)


def _cells(one: dict[str, Any]) -> list[str]:
    gap = one["difference"]
    if gap["low"] is None:
        return ["–"] * 4
    interval = f"{gap['low']:+.3f} to {gap['high']:+.3f}"
    return [f"{one['a']['value']:.3f}", f"{one['b']['value']:.3f}", f"{gap['value']:+.3f}", interval]
