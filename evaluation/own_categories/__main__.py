"""The command of this package; see its docstring."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

import models
from evaluation.categorized import category_matrix, read_categorized
from evaluation.own_categories import __doc__ as ABOUT
from evaluation.own_categories import measure as judge
from evaluation.own_categories import rivals
from evaluation.own_categories.datasets import DATASETS, prepare
from evaluation.scores import Flags
from models.categories import read_categories
from models.errors import InputError, ListenwellError
from models.taxonomy import Taxonomy

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(help=ABOUT)
def main() -> None:
    """The group itself does nothing."""


@main.command("prepare")
@click.option("--dataset", type=click.Choice(sorted(DATASETS)), required=True)
@click.option("--source", type=_FOLDER, required=True, help="The folder that holds the data set's folder.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--shots", default=8, show_default=True, help="Comments a category of the few-shot draws.")
@click.option("--seeds", default=5, show_default=True, help="How many such draws.")
def prepare_files(dataset: str, source: Path, output: Path, shots: int, seeds: int) -> None:
    """Write taxonomy, training, test and few-shot files of a data set."""
    for path in prepare(dataset, source, output, shots=shots, seeds=seeds):
        click.echo(path)


@main.command("measure")
@click.option("--data", type=_FILE, required=True, help="Labelled comments to measure on.")
@click.option("--taxonomy", type=_FILE, help="Default: taxonomy.toml beside the data.")
@click.option("--model", "folders", type=_FOLDER, multiple=True, help="A model folder; repeatable.")
@click.option("--train", type=_FILE, help="Labelled comments to fit the rivals on.")
@click.option("--rival", "names", type=click.Choice(sorted(rivals.RIVALS)), multiple=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON.")
def measure(
    data: Path,
    taxonomy: Path | None,
    folders: Sequence[Path],
    train: Path | None,
    names: Sequence[str],
    output: Path | None,
) -> None:
    """Measure models, and rivals fitted on --train (all of them unless --rival says which)."""
    if names and not train:
        raise click.UsageError("--rival needs --train")
    if not folders and not train:
        raise click.UsageError("nothing to measure: give a --model, or --train for the rivals")
    tax = read_categories(taxonomy or data.with_name("taxonomy.toml")).taxonomy
    comments = read_categorized(data, tax)
    truth, columns = category_matrix(comments, tax), _measured(data, tax)
    decided: dict[str, Flags] = {}
    for folder in folders:
        pipeline = models.load(folder)
        if pipeline.taxonomy.categories != tax.categories:
            raise InputError(f"{folder.name}: its categories are not those of the taxonomy file")
        decided[folder.name if folder.name not in decided else str(folder)] = judge.decided_by(
            pipeline, comments
        )
    if train:
        known = read_categorized(train, tax, learnt=True)
        for name in names or sorted(rivals.RIVALS):
            decided[f"{name} on {train.name}"] = rivals.decided_by(
                name, known, category_matrix(known, tax), comments, exclusive=tax.exclusive
            )
    found = {
        name: judge.figures(truth[:, columns], flags[:, columns], exclusive=tax.exclusive)
        for name, flags in decided.items()
    }
    for name, each in found.items():
        said = (f"{key} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for key, e in each.items())
        click.echo(f"{name}: n {len(comments)}, {len(columns)} categories, {', '.join(said)}")
    if output:
        listed = {name: judge.as_dict(each) for name, each in found.items()}
        output.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def _measured(data: Path, tax: Taxonomy) -> list[int]:
    ids = [category.id for category in tax.categories]
    file = data.with_name("measured.txt")
    return [ids.index(id) for id in file.read_text("utf-8").split()] if file.exists() else [*range(len(ids))]


if __name__ == "__main__":
    try:
        main(prog_name="python -m evaluation.own_categories")
    except ListenwellError as error:
        raise SystemExit(f"Error: {error.detail} [{error.code}]") from error
