"""`listenwell labels export` and `import`: people's labels as a file, in our form or another tool's."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

import models
from service.commands.given import read_settings, store, tenant_option
from service.corrections.correction import MAX_ACTOR
from service.labels import datasets, docbin, jsonl, label_studio
from service.labels.importing import import_labels
from service.labels.rows import LeftOut, Read, Row, rows
from service.promotion.choice import choice


class Format(NamedTuple):
    """How a format is written and read, and the ending that stands for it."""

    write: Callable[[Path, Iterable[Row], models.Taxonomy], int]
    read: Callable[[Path], Iterator[Read]]
    ending: str


FORMATS = {
    "jsonl": Format(jsonl.write, jsonl.read, ".jsonl"),
    "label-studio": Format(label_studio.write, label_studio.read, ".json"),
    "docbin": Format(docbin.write, docbin.read, ".spacy"),
    "datasets": Format(datasets.write, datasets.read, ".parquet"),
}
_format_option = click.option(
    "--format",
    "name",
    type=click.Choice(list(FORMATS)),
    help="By the ending if not given: .jsonl, .json (Label Studio), .spacy (DocBin), a folder (datasets).",
)


@click.command()
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--with-audit",
    is_flag=True,
    help='Also corrected comments that the audit drew, marked "train": false; its own answers are in no file.',
)
@_format_option
@tenant_option
def export(output: Path, with_audit: bool, name: str | None, tenant: str) -> None:
    """Write every corrected comment with the labels in force. Those of erased comments are gone."""
    if name is None and output.suffix == FORMATS["datasets"].ending:
        raise models.InputError(
            f"{output.name}: datasets are written as a folder; name one without an ending, or give --format datasets",
            code="unknown_format",
        )
    settings, form = read_settings(), _format(output, name)
    with store(settings) as engine:
        taxonomy, left_out = choice(engine, settings).about().taxonomy, LeftOut()
        found = rows(engine, tenant, taxonomy, measuring=with_audit, left_out=left_out)
        try:
            count = form.write(output, found, taxonomy)
        except OSError as error:
            raise models.InputError(
                f"--output: {output}: {error.strerror or error}", code="unwritable_file"
            ) from error
    click.echo(f"{count} labelled comments")
    for line in left_out.told():
        click.echo(line, err=True)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path), metavar="FILE")
@click.option("--actor", default="import", show_default=True, metavar="NAME", help="Whose labels they are.")
@_format_option
@tenant_option
def import_(file: Path, actor: str, name: str | None, tenant: str) -> None:
    """Make corrections of labels. Items that cannot be taken are listed as JSON lines, and the exit status is 1."""
    if not 0 < len(actor) <= MAX_ACTOR:
        raise click.BadParameter(f"must have 1 to {MAX_ACTOR} characters", param_hint="--actor")
    settings, form = read_settings(), _format(file, name)
    with store(settings) as engine:
        taxonomy = choice(engine, settings).about().taxonomy
        done = import_labels(engine, tenant, form.read(file), taxonomy, actor)
    for error in done.errors:
        click.echo(json.dumps(error), err=True)
    told = {"created": "taken", "replayed": "known already"}
    counts = [f"{done.outcomes[outcome]} {words}" for outcome, words in told.items()]
    left_out = [f"{done.left_out} older annotations left out"] if done.left_out else []
    click.echo(", ".join([*counts, f"{len(done.errors)} failed", *left_out]))
    click.get_current_context().exit(1 if done.errors else 0)


def _format(path: Path, name: str | None) -> Format:
    if name is not None:
        return FORMATS[name]
    if path.is_dir() or not path.suffix:
        return FORMATS["datasets"]
    for form in FORMATS.values():
        if path.suffix == form.ending:
            return form
    raise models.InputError(
        f"{path.name}: must end in .jsonl, .json or .spacy, be a folder (datasets), or give --format",
        code="unknown_format",
    )
