"""`listenwell analyze`: a file of comments in, one analysis a line out; nothing is stored."""

import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

import models
from models.masking.masker import Masker
from service.analyse import analyze as analyze_items
from service.commands.batches import batches
from service.commands.given import keep_apart, map_option, read_settings, written
from service.files import Source, open_source
from service.privacy.masking import masker_of
from service.remote import delivered, fetched, is_url
from service.settings import Settings

_BATCH = 64


@click.command()
@click.argument("input", metavar="INPUT")
@click.option(
    "--output",
    default="-",
    metavar="OUT",
    help="A path or URL to write JSON lines to; standard output if not given.",
)
@click.option("--model", metavar="DIR", help="A model folder, or 'default' or 'weightless'.")
@map_option
@click.pass_context
def analyze(
    context: click.Context, input: str, output: str, model: str | None, columns: dict[str, str]
) -> None:
    """Tag the comments of INPUT, in order.

    INPUT is a path or URL that ends in .csv, .jsonl or .parquet, also with .gz or .zst; or - for JSON lines.
    Comments that cannot be read are listed on standard error as JSON lines, and the exit status is 1.
    """
    settings = read_settings(model=model)
    keep_apart(input, {"--output": output})
    masker = masker_of(settings)
    pipeline = _load(settings)  # before OUT is emptied
    with fetched(input) as file:
        source = open_source(file, columns)
        with delivered(output) if is_url(output) else written("--output", output) as out:
            failed = _analyze(source, pipeline, masker, out)
    context.exit(1 if failed else 0)


def _load(settings: Settings) -> models.Pipeline:
    return models.load(
        settings.model or "default",
        runtime=settings.runtime,
        threads=settings.threads,
        compiled=settings.compiled_folder,
    )


def _analyze(source: Source, pipeline: models.Pipeline, masker: Masker | None, out: IO[Any]) -> int:
    """How many comments could not be read."""
    failed = 0
    for start, items in batches(source.rows(), _BATCH):
        results = analyze_items(items, pipeline.analyze, masker=masker)
        _write(out, results.results)
        for error in results.errors:
            click.echo(json.dumps(error | {"index": start + error["index"]}), err=True)
        failed += len(results.errors)
    return failed


def _write(out: IO[Any], results: Sequence[Mapping[str, Any]]) -> None:
    for result in results:
        out.write(json.dumps(result, ensure_ascii=False).encode("utf-8") + b"\n")
    out.flush()
