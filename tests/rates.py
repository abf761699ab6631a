"""How many comments a second the store takes, tagged already, one by one and in batches.

    python -m tests.rates --comments 20000

On SQLite and, with all its waiting for the disk, on PostgreSQL; one process, one connection.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import models
from service import repository
from service.database import open_engine, write
from service.records import CommentRecord
from service.save_repository import Pair
from tests.databases import KINDS, Databases, PostgresServer

ARRIVAL = datetime(2026, 11, 20, 10, tzinfo=UTC)
TEXTS = (
    "Agent was kind but nobody ever fixed my bill.",
    "Checkout was easy and quick, thank you!",
    "The app crashes every time I open it, and support never calls back. I waited forty minutes on the phone.",
    "n/a",
)


def pairs(number: int) -> Iterator[Pair]:
    """Comments of a year at twenty touchpoints, in the order of their days, with their analyses."""
    pipeline = models.load("weightless")
    analyses = pipeline.analyze([models.Comment(text) for text in TEXTS])
    for i in range(number):
        record = CommentRecord(
            id=f"r-{i}",
            text=TEXTS[i % len(TEXTS)],
            touchpoint=f"place-{i % 20}",
            occurred_at=ARRIVAL - timedelta(minutes=525_600 * (number - i) // number),
            nps=i % 11,
            metadata={"region": "north"},
        )
        yield record, analyses[i % len(TEXTS)]


def rate(url: str, given: list[Pair], size: int) -> float:
    """Comments a second, in transactions of `size`."""
    engine = open_engine(url)
    start = time.perf_counter()
    for first in range(0, len(given), size):
        with write(engine) as conn:
            repository.save_all(conn, given[first : first + size], ARRIVAL)
    seconds = time.perf_counter() - start
    engine.dispose()
    return len(given) / seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=20_000)
    given = list(pairs(parser.parse_args().comments))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for kind in KINDS:
            server = stack.enter_context(PostgresServer(durable=True)) if kind == "postgresql" else None
            databases = Databases(kind, folder, server)
            for size in (1, 64, 256, 1_000):
                # One by one they are slow, and a part of them tells as much.
                some = given if size > 1 else given[: len(given) // 10]
                with databases.new() as url:
                    found = rate(url, some, size)
                sys.stdout.write(f"{kind}: {found:,.0f} comments/s in transactions of {size:,}\n")


if __name__ == "__main__":
    main()
