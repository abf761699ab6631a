"""How much of the pipeline's speed a large back-fill keeps: a Parquet file of real comments to store and metrics.

    python -m tests.backfill_rate --comments 100000

The same comments through the bare pipeline, half before the back-fill and half after it, each in a process of its own
on one thread. Comments are those of `make bench` (`tests/bench/workload.py`), none twice. Prints comments a processor
second and a second of the clock, the start of the command included in the latter; the exit status is 1 if the
back-fill keeps less than 0.85 of the pipeline's rate.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import backfill
from tests.bench.entries import PIPELINE, Entries
from tests.bench.noise import Noise
from tests.bench.process import Absent, Running, this_python
from tests.bench.workload import gather

TO_REACH = 0.85


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.backfill_rate", description=__doc__)
    parser.add_argument("--comments", type=int, default=100_000)
    number = parser.parse_args().comments
    _, workload = gather(0, number)
    if workload.left < number:
        sys.exit(f"there are {workload.left:,} comments to be had, not {number:,}")
    texts = workload.take(number)
    with tempfile.TemporaryDirectory() as name, Noise() as noise:
        folder = Path(name)
        (entry,) = (one for one, _ in Entries(folder, make=False).contestants() if one.name == PIPELINE)
        with Running(entry, this_python(), folder / "pipeline.log") as pipeline:
            before = pipeline.round(texts[: number // 2])
            cpu, wall = backfill.run(texts, folder, "all")
            after = pipeline.round(texts[number // 2 :])
    bare = number / (before.cpu + after.cpu), number / (before.wall + after.wall)
    kept = number / cpu / bare[0], number / wall / bare[1]
    sys.stdout.write(
        f"{workload.facts()}\n"
        f"bare pipeline: {bare[0]:,.0f} comments a processor second, {bare[1]:,.0f} a second\n"
        f"back-fill: {number / cpu:,.0f} comments a processor second, {number / wall:,.0f} a second\n"
        f"kept: {kept[0]:.3f} by the processor, {kept[1]:.3f} by the clock; others took {noise.cores:.2f} cores\n"
    )
    sys.exit(kept[0] < TO_REACH)


if __name__ == "__main__":
    try:
        main()
    except Absent as reason:
        sys.exit(f"tests.backfill_rate: {reason}")
