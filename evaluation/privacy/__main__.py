"""The command of this package; see its docstring."""

import click

import models
from evaluation.privacy import __doc__ as ABOUT
from evaluation.privacy.cost import cost
from evaluation.privacy.marked import FOLDER, Marked, read_marked
from evaluation.privacy.measure import Judged, judge, rows
from models.errors import ListenwellError
from models.masking.kinds import KINDS
from models.masking.masker import Masker, load


@click.command(help=ABOUT)
@click.option("--half", type=click.Choice(["held_out", "develop"]), default="held_out", show_default=True)
@click.option("--cost", "costs", is_flag=True, help="Time and changed labels instead.")
@click.option("--model", default="default", show_default=True, help="The model whose time to set beside.")
@click.option("--list", "listed", is_flag=True, help="Also list what was missed and what was hidden wrongly.")
def main(half: str, costs: bool, model: str, listed: bool) -> None:
    """Print the table."""
    comments, masker = read_marked(FOLDER / f"{half}.txt"), load(KINDS)
    if costs:
        _print_cost(comments, masker, model)
        return
    judged = [judge(comment, masker.mask(comment.text).hidden) for comment in comments]
    bare = sum(not comment.spans for comment in comments)
    clean = sum(not one.hidden for comment, one in zip(comments, judged, strict=True) if not comment.spans)
    click.echo(
        f"{half}: {len(comments)} comments; of {bare} without personal data {clean} are left as they are"
    )
    for row in rows(judged):
        click.echo(f"{row.name:8} recall {row.recall!s:28} precision {row.precision}")
    if listed:
        _print_faults(comments, judged)


def _print_faults(comments: list[Marked], judged: list[Judged]) -> None:
    for comment, one in zip(comments, judged, strict=True):
        for word, pairs in (("missed", one.marked), ("wrong", one.hidden)):
            for span, good in pairs:
                if not good:
                    click.echo(
                        f"{word} {span.kind}: {comment.text[span.start : span.end]!r} in {comment.text!r}"
                    )


def _print_cost(comments: list[Marked], masker: Masker, model: str) -> None:
    found = cost([comment.text for comment in comments], masker, models.load(model))
    click.echo(
        f"{len(comments)} comments: masking {found.masking_ms:.2f} ms, model {found.model_ms:.2f} ms a comment, "
        f"ratio {found.masking_ms / found.model_ms:.2f}; labels unchanged in {found.same} of {found.hidden} masked"
    )


if __name__ == "__main__":
    try:
        main(prog_name="python -m evaluation.privacy")
    except ListenwellError as error:
        raise SystemExit(f"Error: {error.detail} [{error.code}]") from error
