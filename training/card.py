"""The papers of a model: card.json for programs, card.md for people. Written by the run, never by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from evaluation.exam import Exam
from evaluation.gold import LabelledComment
from evaluation.predictions import Predictions, from_pipeline
from evaluation.tasks import TASKS
from models.artifact import write_json
from models.pipeline import Pipeline
from training.config import RunConfig
from training.data import Corpus

_TEMPLATE = Path(__file__).with_name("card.md.jinja")


def write_card(
    output: Path,
    pipeline: Pipeline,
    *,
    corpus: Corpus,
    config: RunConfig,
    training: dict[str, Any],
    exam: Sequence[LabelledComment],
) -> None:
    """Measure the finished model and write both cards."""
    card = {
        "version": pipeline.version,
        "taxonomy_version": pipeline.taxonomy.version,
        "themes": len(pipeline.taxonomy.themes),
        "base": config.network.base,
        "licence": "Apache-2.0",
        "language": "en",
        "data": corpus.files,
        "comments": {"training": len(corpus.training), "held_out": len(corpus.held_out)},
        "config": config.to_dict(),
        "training": training,
        "held_out": figures(pipeline, corpus.held_out),
        "exam": figures(pipeline, exam) if exam else None,
    }
    write_json(output / "card.json", card)
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    (output / "card.md").write_text(template.render(card=card), encoding="utf-8")


def figures(pipeline: Pipeline, comments: Sequence[LabelledComment]) -> dict[str, Any]:
    """Every task's figures on labelled comments, with n and 95 % intervals."""
    exam = Exam.of(comments, pipeline.taxonomy)
    predictions: Predictions = from_pipeline(pipeline, comments)
    found: dict[str, Any] = {"n": len(comments), "tasks": {}}
    for task in TASKS:
        result = task.measure(exam, predictions)
        if result is None:
            continue
        found["tasks"][task.name] = {
            "measures": {name: value.to_dict() for name, value in result.measures.items()},
            "labels": {
                row.id: {"support": row.support, **{k: v.to_dict() for k, v in row.measures.items()}}
                for row in result.rows
            },
        }
    return found
