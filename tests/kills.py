"""Clients, and PostgreSQL itself, are killed at random moments; nothing may be lost, and nothing counted twice.

    python -m tests.kills --kills 200 --database sqlite
    python -m tests.kills --kills 200 --database postgresql

After each kill the daily sums are held against a recount, and what the killed clients were told is stored against
what is stored. Prints what it found; the exit status is 1 if that is not what it should be.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

import models
from service.database import AWAY, open_engine, read
from service.tables import comment
from tests.databases import KINDS, Databases, Kind, PostgresServer
from tests.kills_client import Deed, Told, live
from tests.recount import is_exact

WRONGS = (
    "lost",
    "twice",
    "unlike what was acknowledged",
    "batches stored in part",
    "sums unlike a recount",
    "clients that failed by themselves",
)
CLIENTS = ("ann", "bob", "eve")
# How often what is killed, in percent.
_TARGETS: dict[Kind, dict[str, int]] = {
    "sqlite": {"one client": 85, "all clients": 15},
    "postgresql": {"one client": 65, "all clients": 10, "one backend": 10, "the server": 15},
}


class Arena:
    """The clients, their database and what went wrong."""

    def __init__(self, url: str, folder: Path, server: PostgresServer | None, seed: int) -> None:
        self.url = url
        self.folder = folder
        self.server = server
        self.dice = random.Random(seed)
        self.pipeline = models.load("weightless")
        # The first comment loads what is loaded lazily; a client that is about to die has no time for that.
        self.pipeline.analyze([models.Comment("Ready to read.")])
        self.processes: dict[str, multiprocessing.process.BaseProcess] = {}
        self.wrong: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.checked = 0
        for name in CLIENTS:
            self.journal(name).touch()

    def journal(self, name: str) -> Path:
        """A client's journal."""
        return self.folder / f"{name}.journal"

    def start(self, names: Iterable[str], *, finish: bool = False) -> None:
        """Start clients, with all that is loaded already."""
        for name in names:
            given = (name, self.url, self.journal(name), self.pipeline, self.dice.getrandbits(32), finish)
            process = multiprocessing.get_context("fork").Process(target=live, args=given, daemon=True)
            process.start()
            self.processes[name] = process

    def kill(self, names: Iterable[str]) -> None:
        """SIGKILL; whoever was dead already died of a fault."""
        for name in names:
            process = self.processes[name]
            self.wrong["clients that failed by themselves"] += not process.is_alive()
            process.kill()
            process.join()

    def shoot(self, target: str) -> list[str]:
        """Kill something; the clients that are dead now."""
        if target == "the server":
            assert self.server is not None
            self.server.stop(immediately=True)
            time.sleep(self.dice.uniform(0, 0.1))
            self.server.start()
            return []
        if target == "one backend":
            self._kill_backend()
            return []
        dead = list(CLIENTS) if target == "all clients" else [self.dice.choice(CLIENTS)]
        self.kill(dead)
        return dead

    def check(self, names: Iterable[str]) -> None:
        """The sums against a recount, and the stored comments of these clients against their journals."""
        before = {name: Told.by(self.journal(name)) for name in names}
        stored = self._stored()
        for name, told in before.items():
            theirs = {id: text for id, text in stored.items() if id.startswith(name)}
            possible = {id: {_text(item)} for id, item in told.state.items()}
            # What was not acknowledged may be there or not; and a client that lives has gone on meanwhile.
            for deed in Told.by(self.journal(name)).begun[told.done :]:
                for id, item in deed["leaves"].items():
                    possible.setdefault(id, {None}).add(_text(item))
            for id in theirs.keys() | possible.keys():
                if theirs.get(id) not in possible.get(id, {None}):
                    self.wrong["lost" if id not in theirs else "unlike what was acknowledged"] += 1
            if not self.processes[name].is_alive():
                self.wrong["batches stored in part"] += any(
                    _torn(deed, told, stored) for deed in told.pending
                )

    def _stored(self) -> dict[str, str]:
        while True:
            engine = self._opened()
            try:
                with read(engine) as conn:
                    rows = conn.execute(sa.select(comment.c.id, comment.c.text)).all()
                    self.wrong["sums unlike a recount"] += not is_exact(conn)
            except AWAY:
                continue
            finally:
                engine.dispose()
            self.checked += len(rows)
            self.wrong["twice"] += len(rows) - len({row.id for row in rows})
            return {row.id: row.text for row in rows}

    def _opened(self) -> sa.Engine:
        while True:
            try:
                return open_engine(self.url)
            except models.InputError:
                time.sleep(0.02)

    def _kill_backend(self) -> None:
        """One of the server's processes, which makes the server end all and recover."""
        engine = self._opened()
        with read(engine) as conn:
            ours = sa.text(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = sorted(conn.scalars(ours))
        engine.dispose()
        if found:
            os.kill(self.dice.choice(found), signal.SIGKILL)
            time.sleep(self.dice.uniform(0, 0.2))

    def bury(self, names: Iterable[str]) -> None:
        """Count what dead clients had been told, and shorten their journals."""
        for name in names:
            told = Told.by(self.journal(name))
            self.acknowledged.update(deed["kind"] for deed in told.begun[: told.done])
            told.compact(self.journal(name))

    def end(self) -> None:
        """Kill all, let each do what it does not know the end of, and look for the last time."""
        self.kill(CLIENTS)
        self.check(CLIENTS)
        self.bury(CLIENTS)
        self.start(CLIENTS, finish=True)
        for name in CLIENTS:
            self.processes[name].join()
            self.wrong["clients that failed by themselves"] += self.processes[name].exitcode != 0
        self.check(CLIENTS)


def _text(item: dict[str, str] | None) -> str | None:
    return None if item is None else item["text"]


def _torn(deed: Deed, told: Told, stored: dict[str, str]) -> bool:
    """Whether a batch of one transaction is there in part."""
    if deed["kind"] != "batch":
        return False
    sent = {id: _text(item) for id, item in deed["leaves"].items()}
    fresh = [id for id, text in sent.items() if text != _text(told.state.get(id))]
    return len({stored.get(id) == sent[id] for id in fresh}) > 1


def run(kills: int, kind: Kind, seed: int) -> bool:
    """Kill, check, begin again; print the figures. True if all is as it should be."""
    shots: Counter[str] = Counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer()) if kind == "postgresql" else None
        arena = Arena(stack.enter_context(Databases(kind, folder, server).new()), folder, server, seed)
        begin = time.monotonic()
        arena.start(CLIENTS)
        for _ in range(kills):
            time.sleep(arena.dice.uniform(0.03, 0.4))
            (target,) = arena.dice.choices(list(_TARGETS[kind]), list(_TARGETS[kind].values()))
            shots[target] += 1
            dead = arena.shoot(target)
            arena.check(dead or CLIENTS)
            arena.bury(dead)
            arena.start(dead)
        arena.end()
        seconds = time.monotonic() - begin
    aimed = ", ".join(f"{count} of {target}" for target, count in sorted(shots.items()))
    done = ", ".join(f"{count:,} {what}" for what, count in sorted(arena.acknowledged.items()))
    sys.stdout.write(f"{kind}: {kills} kills in {seconds:.0f} s: {aimed}\n")
    sys.stdout.write(f"acknowledged: {done}; {kills + 2} recounts of {arena.checked:,} comments in all\n")
    sys.stdout.writelines(f"{what}: {arena.wrong[what]}\n" for what in WRONGS)
    return not arena.wrong.total()


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(0 if run(given.kills, given.database, given.seed) else 1)


if __name__ == "__main__":
    main()
