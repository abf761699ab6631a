"""`bentoml serve`, with what controls its processes out of others' reach.

    python -m service.bento_launch serve service.bento:Listenwell --port 3000

BentoML starts its processes through Circus, which takes orders (stop, run this program) from whoever connects
to a port of this machine, without asking who it is. Here it listens on Unix sockets in a folder of this user
alone. Where there are none, it is as BentoML has it.

BentoML's processes all accept from one socket, and the first to wake takes whatever has queued there, so that most
connections of a burst end up with one process. Here each process has a socket of its own (SO_REUSEPORT), and
the system spreads the connections over them. A process listens once it is ready, and until then the others answer.

Whoever kills the launcher ends its processes too (`service/parent.py`).
"""

import os
import shlex
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from bentoml._internal.utils import circus
from circus import process
from circus.sockets import CircusSocket

from service.parent import LAUNCHER


def main() -> None:
    """Run BentoML's command line."""
    from bentoml_cli.cli import cli

    if os.name == "posix":
        circus.create_standalone_arbiter = _arbiter
    os.environ[LAUNCHER] = str(os.getpid())
    cli()


def _arbiter(watchers: list[Any], *, threaded: bool = False, **options: Any) -> circus.Arbiter:
    if hasattr(socket, "SO_REUSEPORT"):
        options["sockets"] = [_for_each_process(listening) for listening in options.get("sockets", ())]
        for watcher in watchers:
            # Circus looks for the sockets of a process in its command, where BentoML names them in its arguments.
            watcher.cmd, watcher.args = shlex.join([watcher.cmd, *watcher.args]), ()
        process.CircusSocket = _Bound
    folder = Path(tempfile.mkdtemp(prefix="listenwell-"))
    kind = circus.ThreadedArbiter if threaded else circus.Arbiter
    arbiter = kind(
        watchers,
        endpoint=f"ipc://{folder / 'control'}",
        pubsub_endpoint=f"ipc://{folder / 'events'}",
        # Seconds between looks at who died; BentoML's own choice is 10.
        **{"check_delay": 1} | options,
    )
    arbiter.exit_stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return arbiter


class _Bound(CircusSocket):  # type: ignore[misc]
    """A socket at which the server of a process listens when it is ready, and nobody before."""

    def listen(self, backlog: int = 0) -> None:
        """Not yet."""


def _for_each_process(listening: CircusSocket) -> CircusSocket:
    """What makes Circus bind a socket like this one for each process that it starts."""
    if listening.is_unix:
        return listening
    described = {
        "name": listening.name,
        "host": listening.host,
        "port": listening.port,
        "family": listening.family.name,
        "backlog": listening.backlog,
        "so_reuseport": True,
    }
    listening.close()
    return CircusSocket.load_from_config(described)


if __name__ == "__main__":
    main()
