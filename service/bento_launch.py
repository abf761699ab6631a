"""`bentoml serve`, with what controls its processes out of others' reach.

    python -m service.bento_launch serve service.bento:Listenwell --port 3000

BentoML starts its processes through Circus, which takes orders (stop, run this program) from whoever connects
to a port of this machine, without asking who it is. Here it listens on Unix sockets in a folder of this user
alone. Where there are none, it is as BentoML has it.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bentoml._internal.utils import circus


def main() -> None:
    """Run BentoML's command line."""
    from bentoml_cli.cli import cli

    if os.name == "posix":
        circus.create_standalone_arbiter = _arbiter
    cli()


def _arbiter(watchers: list[Any], *, threaded: bool = False, **options: Any) -> circus.Arbiter:
    folder = Path(tempfile.mkdtemp(prefix="listenwell-"))
    kind = circus.ThreadedArbiter if threaded else circus.Arbiter
    arbiter = kind(
        watchers,
        endpoint=f"ipc://{folder / 'control'}",
        pubsub_endpoint=f"ipc://{folder / 'events'}",
        # BentoML's own choice.
        **{"check_delay": 10} | options,
    )
    arbiter.exit_stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return arbiter


if __name__ == "__main__":
    main()
