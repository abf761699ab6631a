"""The `listenwell` command. Each room registers its own subcommands as entry points.

Only the subcommand that is asked for is imported: `listenwell analyze` never loads torch, and no room imports
another one for the sake of the command line. Exit status: 0 done, 1 some items failed, 2 wrong use, 130 stopped by
Ctrl-C.
"""

import errno
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points

import click

from models.errors import ListenwellError

GROUP = "listenwell.commands"
_OBJECTS = 100_000
"""New objects after which Python looks for cycles among them, more than a batch has. References free nearly all of
ours, and after the usual seven hundred the search takes some 5 % of a back-fill's time."""


_INTERRUPTED = 128 + signal.SIGINT


class WrongUse(click.ClickException):
    """One of our own errors, told in a line."""

    exit_code = 2


class Commands(click.Group):
    """A group whose subcommands are the entry points of the group `entries`, loaded when used."""

    entries = GROUP

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        return sorted(_registered(self.entries))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand; a missing extra is told in a sentence, not in a traceback."""
        entry = _registered(self.entries).get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except ModuleNotFoundError as error:
            extra = {"train": "train", "evaluate": "evaluate"}.get(cmd_name)
            if extra is None:
                raise
            raise click.ClickException(
                f"{cmd_name} needs {error.name}: pip install -e '.[{extra}]'"
            ) from error
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; our own errors become one line and exit status 2, Ctrl-C becomes 130."""
        gc.set_threshold(_OBJECTS)
        try:
            result = super().invoke(ctx)
            click.echo(nl=False)  # flushes here, where it can still be told that there is no room
            return result
        except ListenwellError as error:
            raise WrongUse(f"{error.detail} [{error.code}]") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _give_up_output()
            # As for our own: 1 would say that all was done and some items failed.
            raise WrongUse(f"{error.filename or 'output'}: no room on the disk [storage_full]") from error
        except KeyboardInterrupt:
            # Not click's 1, which says that all was done and some items failed.
            click.echo("Stopped.", err=True)
            ctx.exit(_INTERRUPTED)


@click.command(cls=Commands, help="Listenwell reads open-ended customer feedback.")
@click.version_option(package_name="listenwell")
def main() -> None:
    """The group itself does nothing."""


class ModelsCommands(Commands):
    """The same for `listenwell models`, whose subcommands are of several rooms."""

    entries = f"{GROUP}.models"


@click.command("models", cls=ModelsCommands)
def of_models() -> None:
    """Models: list, compare, promote and roll back."""


class LabelsCommands(Commands):
    """The same for `listenwell labels`."""

    entries = f"{GROUP}.labels"


@click.command("labels", cls=LabelsCommands)
def of_labels() -> None:
    """Take people's labels out, bring labels in, and look for wrong ones."""


def _give_up_output() -> None:
    """What is still to be written has no room either; Python would try once more at its end, and change the status."""
    with suppress(OSError, ValueError):  # a standard output of tests has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _registered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


if __name__ == "__main__":
    sys.exit(main())
