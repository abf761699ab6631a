"""Does the memory of a back-fill grow with its file? A large file, a tagger that costs nothing, RSS on the way.

    python -m tests.memory --rows 1000000 --look 100000 [--database URL]
    python -m tests.memory --empty-lines 10000000

The second one has a file of so many empty lines before its one row. Prints a line at the start and at each look
and, at the end, how much RSS grew between the first look and the last row.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import models
from models import Analysis
from service.database import migrate, open_engine, write
from service.jobs import leases, repository, storage
from service.jobs.records import Job, NewJob, Options
from service.jobs.run import ALONE, Run
from service.settings import Settings

_PAGE = 4096 / 2**20


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--look", type=int, default=100_000, help="rows between two looks")
    parser.add_argument("--database", help="SQLAlchemy URL; a temporary SQLite file if not given")
    parser.add_argument(
        "--empty-lines", type=int, default=0, help="before the rows, of which there is then one"
    )
    given = parser.parse_args()
    given.rows = 1 if given.empty_lines else given.rows
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/memory.db"
        settings = Settings(database_url=url, files=Path(folder) / "files", model="weightless")
        engine = open_engine(url)
        migrate(engine)
        with write(engine) as conn:
            job = repository.create(conn, _job(settings, given.rows, given.empty_lines))
            assert leases.claim_one(conn, job.key, "memory", 60)
        looks = Looks(given.look)
        run = Run(engine, job, "memory", Fake(), settings, stop=threading.Event(), on_batch=looks, size=ALONE)
        looks.look()
        print(run.work(), _counts(engine.url.get_backend_name(), job, looks), flush=True)  # noqa: T201
        looks.conclude()
        engine.dispose()


class Fake:
    """One analysis for all: what is measured is everything but the model."""

    def __init__(self) -> None:
        self._one = models.load("weightless").analyze([models.Comment("Agent was kind.")])[0]

    def __call__(self, comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[Analysis]:
        """That one, for each comment."""
        return [self._one] * len(comments)


class Looks:
    """RSS in MiB at every so many rows."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.rows = 0
        self.seen: list[tuple[int, float]] = []
        self._start = time.monotonic()

    def __call__(self, rows: int) -> None:
        """Hear of a batch."""
        before, self.rows = self.rows, self.rows + rows
        if before // self.every != self.rows // self.every:
            self.look()

    def look(self) -> None:
        """Note and print where it stands."""
        self.seen.append((self.rows, rss()))
        seconds = time.monotonic() - self._start
        told = f"{self.seen[-1][1]:.1f} MiB, {self.rows / seconds:,.0f} rows/s, {seconds:.1f} s"
        print(f"row {self.rows:>9,}: {told}", flush=True)  # noqa: T201

    def conclude(self) -> None:
        """From the first look to the end."""
        self.look()
        (first, then), (last, now) = self.seen[min(1, len(self.seen) - 2)], self.seen[-1]
        print(f"RSS grew by {now - then:+.1f} MiB between row {first:,} and row {last:,}")  # noqa: T201


def rss() -> float:
    """Resident memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def _job(settings: Settings, rows: int, empty_lines: int) -> NewJob:
    id = "0" * 32
    with storage.Incoming(storage.folder_of(settings), id, 2**40) as file:
        for _ in range(empty_lines // 1_000):
            file.write(b"\n" * 1_000)
        for number in range(rows):
            row = {"id": f"m{number}", "text": f"Agent {number} was kind.", "touchpoint": "till"}
            row["occurred_at"] = f"2026-{number % 10 + 1:02}-{number % 28 + 1:02}T09:00:00Z"
            file.write(json.dumps(row).encode() + b"\n")
        source = file.keep("jsonl")
    options = Options().to_dict()
    return NewJob(
        id=id, tenant="default", kind="upload", name="m.jsonl", source=source, options=options, digest=""
    )


def _counts(backend: str, job: Job, looks: Looks) -> str:
    return f"on {backend}: {looks.rows:,} rows of {job.name}"


if __name__ == "__main__":
    main()
