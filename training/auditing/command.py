"""`listenwell labels audit`: labels that may be wrong, as a list to settle.

listenwell labels audit --data labels.jsonl --data training/corpus --output suspects.html
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from evaluation.gold import labelled_files, read_labelled, read_texts
from models import InputError, taxonomy
from models.errors import MissingExtraError
from training.auditing.page import render
from training.data import once

if TYPE_CHECKING:  # torch stands behind it
    from training.auditing.listing import Finding, Listing

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_KINDS = {
    "suspect": "suspected label errors",
    "duplicates": "labels on which near-duplicates differ",
    "contradiction": "labels on which people contradict each other",
}
ENDINGS = (".jsonl", ".html")


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    required=True,
    help="Labelled JSONL, such as `labels export` writes, or a folder of such files; repeatable.",
)
@click.option(
    "--texts", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) that stand-off labels speak of."
)
@click.option(
    "--taxonomy", "taxonomy_file", type=_FILE, help="Themes of your own (TOML), if the labels are of them."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="suspects.jsonl",
    show_default=True,
    help="The list, .jsonl for programs or .html for people. It holds comments' texts.",
)
@click.option("--seed", default=0, show_default=True, help="For folds and resamples.")
def audit(
    data: tuple[Path, ...], texts: tuple[Path, ...], taxonomy_file: Path | None, output: Path, seed: int
) -> None:
    """List labels that may be wrong: suspected errors, near-duplicates that differ, people who contradict each other
    or drift. Changes nothing. A comment that is in several files counts once, with the labels of the last one."""
    try:
        from training.auditing.listing import listing  # torch: not for `listenwell labels --help`
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"labels audit needs {error.name}: pip install -e '.[train]'") from error
    if output.suffix not in ENDINGS:
        raise InputError(f"--output: must end in {' or '.join(ENDINGS)}", code="unknown_format")
    tax = taxonomy.load(taxonomy_file) if taxonomy_file else taxonomy.load()
    known = read_texts(texts)
    places = labelled_files(data)
    parts = once([read_labelled(path, tax, known) for path in places])
    comments = [comment for part in parts for comment in part]
    files = [path.name for path, part in zip(places, parts, strict=True) for _ in part]
    listed = listing(comments, files, tax, seed=seed)
    text = render(listed, comments=len(comments)) if output.suffix == ".html" else _lines(listed.findings)
    output.write_text(text, encoding="utf-8")
    _print(listed, len(comments))
    click.echo(f"Written: {output}")


def _lines(findings: "list[Finding]") -> str:
    return "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in findings)


def _print(listed: "Listing", comments: int) -> None:
    console, counts = Console(highlight=False, soft_wrap=True), listed.counts()
    console.print(f"{comments:,} labelled comments")
    for kind, words in _KINDS.items():
        console.print(f"{counts.get(kind, 0):6,} {words}")
    for one in listed.findings:
        if one["kind"] == "annotator" and one["drift"] and one["drift"]["drifts"]:
            gap = one["drift"]
            console.print(
                f"{one['actor']} drifts since {gap['since'][:10]}: agreement with the model "
                f"{gap['value']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]",
                markup=False,
            )
    if listed.not_judged:
        console.print(f"Too rare to look for errors in: {', '.join(listed.not_judged)}")
