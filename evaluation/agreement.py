"""How far two passes of annotation over the same comments agree: what a model can hope for, and no more.

    python -m evaluation.agreement labels/round2.jsonl labels/second/round2.jsonl --texts pool.jsonl.gz

Comments are matched by id. The first pass is taken for the truth: micro-F1 is the same either way round, macro-F1 is
over the labels that the first has.
"""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from evaluation.exam import Exam
from evaluation.gold import LabelledComment, read_labelled, read_texts
from evaluation.intervals import Estimate
from evaluation.predictions import from_labelled
from evaluation.tasks import TASKS
from models import taxonomy
from models.errors import InputError, ListenwellError
from models.taxonomy import Taxonomy

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = (
    ("issues", "micro_f1"),
    ("issues", "macro_f1"),
    ("strengths", "micro_f1"),
    ("strengths", "macro_f1"),
    ("sentiment", "accuracy"),
    ("sentiment", "level_kappa"),
    ("empathy", "gate_f1"),
    ("empathy", "level_kappa"),
    ("effort", "macro_f1"),
    ("loyalty", "macro_f1"),
    ("intent", "accuracy"),
    ("touchpoints", "micro_f1"),
)


def agreement(
    first: Sequence[LabelledComment], second: Sequence[LabelledComment], tax: Taxonomy
) -> dict[str, Estimate]:
    """Task and measure → figure with its interval, over the comments that are in both.

    Raises `InputError` (code "invalid_labels") if there is none, or if the two speak of different words by one id.
    """
    again = {comment.id: comment for comment in second}
    both = [comment for comment in first if comment.id in again]
    if not both:
        raise InputError("no comment is in both files", code="invalid_labels")
    for one in both:
        if (one.text, one.question) != (again[one.id].text, again[one.id].question):
            raise InputError(
                f"{one.id}: the two files have different texts of this id", code="invalid_labels"
            )
    exam = Exam.of(both, tax)
    predictions = from_labelled([again[comment.id] for comment in both], tax)
    found: dict[str, Estimate] = {}
    for task in TASKS:
        result = task.measure(exam, predictions)
        measures = result.measures if result else {}
        found |= {f"{name} {measure}": measures[measure] for name, measure in _SHOWN if name == task.name}
        for row in result.rows if result and task.name in ("issues", "strengths") else ():
            if row.support:
                found[f"{row.id} f1"] = row.measures["f1"]
    return found


@click.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@click.option("--texts", type=_FILE, multiple=True, help="Texts that stand-off labels speak of.")
def main(first: Path, second: Path, texts: tuple[Path, ...]) -> None:
    """Print the agreement of two labelled files."""
    tax, known = taxonomy.load(), read_texts(texts)
    one, two = (read_labelled(path, tax, known) for path in (first, second))
    left_out = {comment.id for comment in one} ^ {comment.id for comment in two}
    if left_out:
        click.echo(f"{len(left_out):,} comments are in one of the files only and left out", err=True)
    table = Table("", "agreement", "95 %", "n")
    for name, figure in agreement(one, two, tax).items():
        table.add_row(name, f"{figure.value:.3f}", f"{figure.low:.2f} to {figure.high:.2f}", str(figure.n))
    Console().print(table)


if __name__ == "__main__":
    try:
        main(prog_name="python -m evaluation.agreement")
    except ListenwellError as error:
        raise SystemExit(f"Error: {error.detail} [{error.code}]") from error
