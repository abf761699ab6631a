"""`listenwell train`: labelled comments in, artifact out.

listenwell train --data labelled.jsonl --output runs/mine
listenwell train --from production --data old.jsonl --output runs/next
listenwell train --taxonomy my-categories.toml [--data labelled.jsonl] --output runs/mine
listenwell train --data labels.jsonl --texts pool.jsonl.gz --config run.toml --exam test.jsonl --output runs/mine
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evaluation.frozen import log
from evaluation.gold import Asked, labelled_files, read_labelled, read_texts
from models import taxonomy
from models.categories import has_categories
from models.errors import MissingExtraError
from models.taxonomy import Taxonomy
from training.config import RunConfig, read_config
from training.data import Corpus, add_unlabelled, read_corpus
from training.production import from_production

if TYPE_CHECKING:  # torch stands behind these
    from training.categories.lessons import Stage
    from training.loop import Report

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODEL = click.Path(exists=True, file_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command()
@click.option(
    "--data", type=_PLACE, multiple=True, help="Labelled JSONL, or a folder of such files; repeatable."
)
@click.option(
    "--taxonomy", "taxonomy_file", type=_FILE, help="Categories or themes of your own (TOML), see README."
)
@click.option(
    "--stage",
    type=click.Choice(["described", "examples", "tuned"]),
    help="For categories of your own: how to learn them, chosen by how much there is unless given.",
)
@click.option(
    "--texts", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) that stand-off labels speak of."
)
@click.option(
    "--config", "config_file", type=_FILE, help="Run file; what it leaves out is as in runs/default.toml."
)
@click.option("--start", type=_MODEL, help="A model whose weights to go on from.")
@click.option(
    "--from",
    "origin",
    type=click.Choice(["production"]),
    help="Go on from the model in force, with the corrections in the store beside --data, what it learnt before.",
)
@click.option("--tenant", default="default", show_default=True, help="Whose corrections, with --from.")
@click.option(
    "--teacher",
    type=_MODEL,
    multiple=True,
    help="A model to learn from as well; repeatable, see runs/teacher.toml.",
)
@click.option(
    "--unlabelled", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) for the teachers to speak of."
)
@click.option(
    "--emotions", type=_FILE, multiple=True, help="Texts with GoEmotions labels: their polarity is learnt."
)
@click.option(
    "--opinions", type=_FILE, multiple=True, help="Texts with a sentiment from -2 to 2 and no other label."
)
@click.option("--exam", type=_FILE, help="Labelled JSONL that only measures; its figures go into the card.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder."
)
def train(
    data: tuple[Path, ...],
    taxonomy_file: Path | None,
    stage: "Stage | None",
    texts: tuple[Path, ...],
    config_file: Path | None,
    start: Path | None,
    origin: str | None,
    tenant: str,
    teacher: tuple[Path, ...],
    unlabelled: tuple[Path, ...],
    emotions: tuple[Path, ...],
    opinions: tuple[Path, ...],
    exam: Path | None,
    output: Path,
) -> None:
    """Train a model and write it as an artifact. Interrupted, the same command goes on where it was."""
    try:
        from training.run import train as run  # torch: not for `listenwell --help`
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"train needs {error.name}: pip install -e '.[train]'") from error

    console = Console()
    if taxonomy_file and has_categories(taxonomy_file):
        others = ("texts", "start", "origin", "teacher", "unlabelled", "emotions", "opinions", "exam")
        _refuse(*others, where="with a taxonomy of categories")
        _train_own(taxonomy_file, data, config_file, stage, output, console)
        return
    _refuse("stage", where="without a taxonomy of categories")
    if not data:
        raise click.UsageError("--data is missing: labelled comments, or a --taxonomy of categories")
    config = read_config(config_file)
    if unlabelled and not teacher and config.loop.epochs:
        raise click.UsageError("--unlabelled needs --teacher: nothing else says anything of those texts")
    tax = taxonomy.load(taxonomy_file) if taxonomy_file else taxonomy.load()
    if origin:
        _refuse("start", where="with --from production, which starts from the model in force")
    known = read_texts(texts)
    corpus, in_force = _read(data, tax, config, known, tenant if origin else None)
    _tell_left_out(corpus, console)
    tests = read_labelled(exam, tax, known) if exam else []
    barred = [comment.text for comment in tests]
    limit, draw = config.data.unlabelled, config.data.draw
    add_unlabelled(corpus, unlabelled, emotions, opinions, barred, limit=limit, draw=draw)
    with _reporting(console) as report:
        version = run(
            corpus,
            output,
            config,
            tax=tax,
            start=in_force or start,
            teachers=teacher,
            exam=tests,
            say=console.print,
            report=report,
        )
    if exam:
        click.echo(log(exam, "train", [version]), err=True)
    console.print(f"{output}: model {version}")


def _read(
    data: tuple[Path, ...], tax: Taxonomy, config: RunConfig, texts: Mapping[str, Asked], tenant: str | None
) -> tuple[Corpus, Path | None]:
    """The labelled comments; with a tenant its corrections among them, and the model in force to go on from."""
    with ExitStack() as held:
        in_force = corrections = audited = None
        if tenant is not None:
            in_force, corrections, audited = held.enter_context(from_production(tenant))
        corpus = read_corpus(
            labelled_files(data),
            tax,
            share=config.data.held_out,
            seed=config.seed,
            limit=config.data.limit,
            texts=texts,
            production=corrections,
            audited=audited,
        )
    return corpus, in_force


def _tell_left_out(corpus: Corpus, console: Console) -> None:
    if corpus.audited:
        console.print(
            f"{corpus.audited} comments of --data were drawn for the audit, which measures: left out"
        )
    if corpus.gone:
        console.print(f"{corpus.gone} corrected comments of --data are no longer in the store: left out")


def _train_own(
    taxonomy_file: Path,
    data: tuple[Path, ...],
    config_file: Path | None,
    stage: "Stage | None",
    output: Path,
    console: Console,
) -> None:
    from training.categories.command import train_own

    files = labelled_files(data)
    with _reporting(console) as report:
        version = train_own(
            taxonomy_file, files, config_file, stage, output, say=console.print, report=report
        )
    console.print(f"{output}: model {version}")


def _refuse(*names: str, where: str) -> None:
    context = click.get_current_context()
    options = [option for option in context.command.params if option.name in names]
    given = [option.opts[0] for option in options if context.params[str(option.name)]]
    if given:
        raise click.UsageError(f"{', '.join(given)} cannot be used {where}")


@contextmanager
def _reporting(console: Console) -> Iterator["Report"]:
    """A progress bar, as a run reports to it."""
    bar = Progress(
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        steps_done = bar.add_task("training", total=None, loss="–")

        def report(step: int, steps: int, loss: float) -> None:
            bar.update(steps_done, completed=step, total=steps, loss=f"{loss:.3f}")

        yield report
