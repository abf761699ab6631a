"""The processes that are killed and started again: `listenwell serve` with all below it, workers, PostgreSQL.

See `tests/kills_serve.py`. `serve` is started as a command each time. The workers beside it run the command `worker`
in processes forked from one that has imported it: a hundred times as quick to start, and nothing else is different.
"""

import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from service.parent import end_with_parent
from tests.databases import PostgresServer
from tests.ports import free_port, is_free

ROOT = Path(__file__).parents[1]
_ANSWERING = 3
_WORKERS = 2
_PATIENCE = 60
"""Seconds after which a killed server must have left its port."""
_TOLD = 40
"""Lines of the log that are kept where a worker ended by itself."""
_REFUSED = 2
"""The exit status of a command that found no database."""


class House:
    """All that serves one database; `wrong` counts what should not have happened to it."""

    def __init__(self, url: str, folder: Path, database: PostgresServer | None, dice: random.Random) -> None:
        self.port = free_port()
        self.database = database
        self.dice = dice
        self.log = folder / "log"
        self.wrong: Counter[str] = Counter()
        self.last_words: list[str] = []
        os.environ |= {
            "LISTENWELL_MODEL": "weightless",
            "LISTENWELL_DATABASE_URL": url,
            "LISTENWELL_FILES": str(folder / "files"),
            "LISTENWELL_LEASE_SECONDS": "2",
            "LISTENWELL_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
        }
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(
            ["service.commands.worker", "models.weightless", "tests.kills_house"]
        )
        self.workers: list[BaseProcess] = []
        self.family: dict[int, psutil.Process] = {}
        self._down = 0.0
        self._serve()

    @property
    def address(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def tend(self) -> None:
        """Start again what is dead, without waiting for it."""
        for dead in [one for one in self.workers if not one.is_alive()]:
            self.workers.remove(dead)
            # One that starts while PostgreSQL is down says so and ends; none may end by itself otherwise.
            if dead.exitcode != _REFUSED or self.database is None:
                self.wrong["workers that ended by themselves"] += 1
                self.last_words.append(f"status {dead.exitcode}; the end of the log:\n{self._log_end()}")
        while len(self.workers) < _WORKERS:
            worker = self.context.Process(target=_work, args=(self.log,), daemon=True)
            worker.start()
            self.workers.append(worker)
        if self.serve.poll() is None:
            self._down = 0.0
            self._look_round()
        elif is_free(self.port):
            self._serve()
        else:
            self._down = self._down or time.monotonic()
            if time.monotonic() - self._down > _PATIENCE:
                self.wrong["ports that a killed server kept"] += 1
                self._kill_family()

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TOLD:])

    def kill(self, target: str) -> int | None:
        """SIGKILL; the id of a process that is dead now (0: PostgreSQL), None if there was nothing to kill."""
        answering = self.answering()
        if target == "a process of the API":
            return _kill(self.dice.choice(answering)) if answering else None
        if target == "a worker":
            return self._kill_worker()
        if target == "all of PostgreSQL":
            return self._kill_database()
        if target == "one backend of PostgreSQL":
            assert self.database is not None
            backends = self.database.backends()
            return _kill(self.dice.choice(backends)) if backends else None
        if not answering:
            # A server that is only just starting has nothing to lose.
            return None
        if target == "serve, all of it":
            self._kill_family()
        else:
            self.serve.kill()
        return self.serve.pid

    def answering(self) -> list[psutil.Process]:
        """The processes of the API that listen by now."""
        self._look_round()
        return [one for one in self.family.values() if _listens(one)]

    def close(self) -> None:
        """Kill all."""
        for worker in self.workers:
            worker.kill()
        self._look_round()
        self._kill_family()

    def _serve(self) -> None:
        command = [sys.executable, "-m", "models.command", "serve", "--workers", str(_ANSWERING)]
        with self.log.open("ab") as log:
            self.serve = subprocess.Popen(
                command, cwd=self.log.parent, stdout=log, stderr=log, preexec_fn=end_with_parent
            )

    def _look_round(self) -> None:
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.serve.pid)
            self.family |= {one.pid: one for one in (first, *first.children(recursive=True))}
        self.family = {pid: one for pid, one in self.family.items() if _lives(one)}

    def _kill_family(self) -> None:
        for one in self.family.values():
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def _kill_worker(self) -> int | None:
        """One of ours, or the one that `serve` has started and will start again."""
        beside = [one for one in self.family.values() if _is(one, "--with-parent")]
        chosen = self.dice.choice([*self.workers, *beside])
        if isinstance(chosen, psutil.Process):
            return _kill(chosen)
        self.workers.remove(chosen)
        chosen.kill()
        chosen.join()
        return chosen.pid

    def _kill_database(self) -> int:
        assert self.database is not None
        self.database.kill()
        time.sleep(self.dice.uniform(0, 0.1))
        self.database.start()
        return 0


def _work(log: Path) -> None:
    from models.command import main

    with log.open("ab") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    main(["worker", "--with-parent", str(os.getppid())])


def _kill(process: psutil.Process) -> int | None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return None
    return int(process.pid)


def _is(process: psutil.Process, module: str) -> bool:
    try:
        return module in process.cmdline()
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _listens(process: psutil.Process) -> bool:
    try:
        return any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp"))
    except psutil.Error:
        return False
