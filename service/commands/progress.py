"""The progress bar of the long commands: how far, how fast, how long still."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Rate(ProgressColumn):
    """Comments a second."""

    def render(self, task: Task) -> Text:
        """Over the last seconds."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def progress() -> Progress:
    """A bar on standard error."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
