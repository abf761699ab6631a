"""How much of the pipeline's speed a large back-fill keeps: a Parquet file of real comments to store and metrics.

    python -m tests.backfill_rate --comments 100000

The same comments through the bare pipeline, each side in a process of its own on one thread. Every few seconds the
back-fill is stopped and the pipeline reads some: a machine whose speed changes by the minute, changes for both.
Comments are those of `make bench` (`tests/bench/workload.py`), none twice. Prints comments a processor second, the
start of the command included; the exit status is 1 if the back-fill keeps less than 0.85 of the pipeline's rate.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.bench import backfill
from tests.bench.entries import PIPELINE, Entries
from tests.bench.noise import Noise
from tests.bench.process import Absent, Round, Running, this_python
from tests.bench.workload import gather

TO_REACH = 0.85
_TURN = 5_000
"""Comments that the pipeline reads while the back-fill is stopped."""
_SECONDS = 8.0
"""Of a back-fill's turn."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.backfill_rate", description=__doc__)
    parser.add_argument("--comments", type=int, default=100_000)
    number = parser.parse_args().comments
    _, workload = gather(0, number)
    if workload.left < number:
        sys.exit(f"there are {workload.left:,} comments to be had, not {number:,}")
    texts = workload.take(number)
    turns: list[Round] = []
    with tempfile.TemporaryDirectory() as name, Noise() as noise:
        folder = Path(name)
        (entry,) = (one for one, _ in Entries(folder, make=False).contestants() if one.name == PIPELINE)
        with Running(entry, this_python(), folder / "pipeline.log") as pipeline:
            cpu, _ = backfill.run(texts, folder, "all", partial(_in_turns, pipeline, texts, turns))
    bare = number / sum(turn.cpu for turn in turns)
    kept = number / cpu / bare
    sys.stdout.write(
        f"{workload.facts()}\n"
        f"bare pipeline: {bare:,.0f} comments a processor second, in {len(turns)} turns\n"
        f"back-fill: {number / cpu:,.0f} comments a processor second\n"
        f"kept: {kept:.3f}; others took {noise.cores:.2f} cores\n"
    )
    sys.exit(kept < TO_REACH)


def _in_turns(
    pipeline: Running, texts: list[str], turns: list[Round], process: "subprocess.Popen[bytes]"
) -> None:
    for start in range(0, len(texts), _TURN):
        time.sleep(_SECONDS)
        # What has ended is still there until it is waited for.
        os.kill(process.pid, signal.SIGSTOP)
        turns.append(pipeline.round(texts[start : start + _TURN]))
        os.kill(process.pid, signal.SIGCONT)


if __name__ == "__main__":
    try:
        main()
    except Absent as reason:
        sys.exit(f"tests.backfill_rate: {reason}")
