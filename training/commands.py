"""`listenwell train`: labelled comments in, artifact out.

listenwell train --data labelled.jsonl --output runs/mine
listenwell train --data labels.jsonl --texts pool.jsonl.gz --config run.toml --exam test.jsonl --output runs/mine
"""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evaluation.gold import labelled_files, read_labelled
from models import taxonomy
from training.config import read_config
from training.data import read_corpus

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(exists=True, path_type=Path)


@click.command()
@click.option(
    "--data", type=_PLACE, multiple=True, required=True, help="Labelled JSONL, or a folder of such files."
)
@click.option(
    "--texts", type=_FILE, multiple=True, help="Texts (JSONL, .gz too) that stand-off labels speak of."
)
@click.option(
    "--config", "config_file", type=_FILE, help="Run file; what it leaves out is as in runs/default.toml."
)
@click.option("--exam", type=_FILE, help="Labelled JSONL that only measures; its figures go into the card.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new folder."
)
def train(
    data: tuple[Path, ...], texts: tuple[Path, ...], config_file: Path | None, exam: Path | None, output: Path
) -> None:
    """Train a model and write it as an artifact. Interrupted, the same command goes on where it was."""
    from training.run import train as run  # torch: not for `listenwell --help`

    config = read_config(config_file)
    tax = taxonomy.load()
    settings = config.data
    corpus = read_corpus(
        labelled_files(data),
        tax,
        share=settings.held_out,
        seed=config.seed,
        limit=settings.limit,
        texts=texts,
    )
    tests = read_labelled(exam, tax) if exam else []
    console = Console()
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

        version = run(corpus, output, config, exam=tests, say=console.print, report=report)
    console.print(f"{output}: model {version}")
