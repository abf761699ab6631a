"""`listenwell serve`, `listenwell worker` and PostgreSQL are killed at random moments, while clients over HTTP write,
replay, correct, delete and send files; nothing may be lost, and nothing counted twice.

    python -m tests.kills_serve --kills 1000 --database sqlite
    python -m tests.kills_serve --kills 1000 --database postgresql

After each kill, and without waiting for anything to recover, one reading transaction holds the daily sums against a
recount and every comment against what its client was told. At the end the clients wait for their jobs, and all is
held against each other once more. Prints what it found; the exit status is 1 if that is not what it should be.
The clients themselves are killed in `tests/kills.py`.
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

import models
from service.corrections.tables import correction
from service.database import AWAY, open_engine, read
from service.jobs.tables import job, job_item
from service.tables import comment
from tests.databases import KINDS, Databases, Kind, PostgresServer
from tests.kills_house import House
from tests.kills_http import live
from tests.kills_told import Leaves, Told, View, widen
from tests.recount import is_exact

WRONGS = (
    "lost",
    "twice",
    "unlike what was acknowledged",
    "deleted ones that are there",
    "sums unlike a recount",
    "answers unlike what was acknowledged",
    "answers unlike what was sent",
    "answers unlike the first one",
    "answers that must not be",
    "requests without an answer",
    "jobs that did not come to their end",
    "jobs whose lists are wrong",
    "workers that ended by themselves",
    "ports that a killed server kept",
    "clients that failed by themselves",
)
CLIENTS = ("ann", "bob", "eve")
# How often what is killed, in percent.
_TARGETS: dict[Kind, dict[str, float]] = {
    "sqlite": {
        "a process of the API": 32,
        "a worker": 62,
        "serve, all of it": 2,
        "serve, the first process": 4,
    },
    "postgresql": {
        "a process of the API": 28,
        "a worker": 46,
        "serve, all of it": 1.5,
        "serve, the first process": 3,
        "one backend of PostgreSQL": 15,
        "all of PostgreSQL": 6,
    },
}
_LAST_JOBS = 180
_EXAMPLES = 10


class Arena:
    """The house, its clients and what went wrong."""

    def __init__(self, url: str, folder: Path, database: PostgresServer | None, seed: int) -> None:
        self.url = url
        self.dice = random.Random(seed)
        self.wrong: Counter[str] = Counter()
        self.examples: list[str] = []
        self.shots: Counter[str] = Counter()
        self.busy = 0
        self.recounts = 0
        self.checked = 0
        self.house = House(url, folder, database, self.dice)
        self.told = {name: Told(folder / f"{name}.journal") for name in CLIENTS}
        context = multiprocessing.get_context("fork")
        self.stop = context.Event()
        self.clients = [
            context.Process(
                target=live,
                args=(
                    name,
                    self.house.address,
                    folder / f"{name}.journal",
                    self.dice.getrandbits(32),
                    self.stop,
                ),
                daemon=True,
            )
            for name in CLIENTS
        ]

    def begin(self) -> None:
        """Wait until the server answers for the first time, and let the clients go."""
        while not self.house.answering():
            self.house.tend()
            time.sleep(0.1)
        for client in self.clients:
            client.start()

    def shoot(self, targets: dict[str, float]) -> None:
        """Kill one thing that is there, look, and begin to start it again."""
        dead = None
        while dead is None:
            self.house.tend()
            (target,) = self.dice.choices(list(targets), list(targets.values()))
            dead = self.house.kill(target)
        self.shots[target] += 1
        self.check(dead)

    def end(self) -> None:
        """Let the clients end what they began, kill all, and look for the last time."""
        self.stop.set()
        deadline = time.monotonic() + _LAST_JOBS
        while any(client.is_alive() for client in self.clients) and time.monotonic() < deadline:
            self.house.tend()
            time.sleep(0.1)
        for client in self.clients:
            self.wrong["clients that failed by themselves"] += client.exitcode != 0
            client.kill()
        self._end_jobs(deadline)
        self.house.close()
        self.check(None)
        self.wrong += self.house.wrong
        for told in self.told.values():
            self.wrong += told.wrong
            self.examples += told.examples

    def check(self, dead: int | None) -> None:
        """The sums against a recount, and what is stored against what the clients were told."""
        possible: Leaves = {}
        for told in self.told.values():
            told.read()
            possible |= told.possible()
        stored = self._stored(dead)
        for told in self.told.values():
            # What was begun since may have been done before we looked.
            for leaves in told.read():
                widen(possible, leaves)
        for id in stored.keys() | possible.keys():
            view = stored.get(id)
            if not id.startswith("shared-") and view not in possible.get(id, [None]):
                self._blame(id, view, possible.get(id, [None]))

    def _blame(self, id: str, view: View, possible: list[View]) -> None:
        what = "unlike what was acknowledged"
        if view is None:
            what = "lost"
        elif possible == [None]:
            what = "deleted ones that are there"
        self.wrong[what] += 1
        self.examples.append(f"{what}: {id}: {view}, not one of {possible}")

    def _stored(self, dead: int | None) -> dict[str, View]:
        while True:
            engine = self._opened()
            try:
                with read(engine) as conn:
                    exact = is_exact(conn)
                    stored, number = _views(conn)
                    owners = conn.scalars(sa.select(job.c.owner).where(job.c.state == "running")).all()
            except AWAY:
                continue
            finally:
                engine.dispose()
            self.recounts += 1
            self.checked += number
            self.wrong["sums unlike a recount"] += not exact
            self.wrong["twice"] += number - len(stored)
            self.busy += any(f":{dead}:" in owner for owner in owners if owner)
            return stored

    def _end_jobs(self, deadline: float) -> None:
        """Wait for all, also those of files that were sent twice; each row of each must be in its list once."""
        listed = sa.select(sa.func.count()).where(job_item.c.job_key == job.c.key).scalar_subquery()
        query = sa.select(job, listed.label("listed"))
        engine = self._opened()
        while True:
            self.house.tend()
            with read(engine) as conn:
                jobs = conn.execute(query).all()
            waiting = [one for one in jobs if one.state in ("queued", "running")]
            if not waiting or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        engine.dispose()
        self.jobs, self.rows = len(jobs), sum(one.position for one in jobs)
        for one in jobs:
            self.wrong["jobs that did not come to their end"] += one.state != "done"
            counted = one.created + one.replayed + one.replaced + one.failed
            self.wrong["jobs whose lists are wrong"] += {one.position, one.total, counted} != {one.listed}

    def _opened(self) -> sa.Engine:
        while True:
            try:
                return open_engine(self.url)
            except models.InputError:
                time.sleep(0.02)


def _views(conn: sa.Connection) -> tuple[dict[str, View], int]:
    """What is compared of each comment, and how many there are."""
    said: dict[int, list[str]] = {}
    for key, words in conn.execute(
        sa.select(correction.c.comment_key, correction.c.said).order_by(correction.c.key)
    ):
        said.setdefault(key, []).extend(one["id"] for one in words["labels"]["add"])
    rows = conn.execute(sa.select(comment.c.key, comment.c.id, comment.c.text, comment.c.nps)).all()
    return {row.id: (row.text, row.nps, tuple(said.get(row.key, ()))) for row in rows}, len(rows)


def run(kills: int, kind: Kind, seed: int) -> bool:
    """Kill, check, start again; print the figures. True if all is as it should be."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(PostgresServer()) if kind == "postgresql" else None
        arena = Arena(stack.enter_context(Databases(kind, folder, database).new()), folder, database, seed)
        stack.callback(arena.house.close)
        arena.begin()
        start = time.monotonic()
        for _ in range(kills):
            time.sleep(arena.dice.uniform(0.1, 0.5))
            arena.shoot(_TARGETS[kind])
        arena.end()
        _report(arena, kind, time.monotonic() - start)
    return not arena.wrong.total()


def _report(arena: Arena, kind: Kind, seconds: float) -> None:
    lines = [f"{kind}: {arena.shots.total():,} kills in {seconds:,.0f} s"]
    lines += [f"  {number:,} of {target}" for target, number in arena.shots.most_common()]
    lines.append(f"  {arena.busy:,} of them of a worker with a job in hand")
    deeds = sum((told.deeds for told in arena.told.values()), Counter[str]())
    repeated = sum(told.repeated for told in arena.told.values())
    lines.append(f"acknowledged: {deeds.total():,} deeds, {repeated:,} of them not at the first try")
    lines += [f"  {number:,} {kind}" for kind, number in deeds.most_common()]
    lines.append(f"{arena.jobs:,} jobs of {arena.rows:,} rows")
    lines.append(f"{arena.recounts:,} recounts of {arena.checked:,} comments in all")
    lines += [f"{what}: {arena.wrong[what]}" for what in WRONGS]
    lines += arena.examples[:_EXAMPLES] + arena.house.last_words[:_EXAMPLES]
    sys.stdout.write("\n".join(lines) + "\n")


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
