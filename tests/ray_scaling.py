"""What two Ray workers bring over one, beside two plain processes over one on the same machine.

    python -m tests.ray_scaling --comments 6000 --rounds 3

Every worker and process has one thread. Rates are comments a second from the moment the first one begins to tag to
the moment the last one ends, without starting and loading, and with all that Ray's way needs between: parts read and
written as Parquet. Median, smallest and largest of the rounds, which take turns. Figure to reach: two Ray workers at
least 1.7 times one, or as near to it as two plain processes come.
"""

import argparse
import csv
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import models
from service.cluster.analyst import ModelName
from service.cluster.parts import Parts
from service.cluster.scoring import LOCAL, cluster, score
from service.remote import Folder
from service.settings import Settings

PART = 256
FILE = Path(__file__).parents[1] / "examples" / "feedback.csv"


def comments(number: int) -> list[models.Comment]:
    """Of the example file, over and over."""
    with FILE.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return [models.Comment(text, id=str(place)) for place, text in enumerate(islice(cycle(texts), number))]


def bare(given: list[models.Comment], processes: int) -> float:
    """Comments a second of plain processes, each with its share."""
    context = multiprocessing.get_context("spawn")
    together, spans = context.Barrier(processes), context.Queue()
    started = [
        context.Process(target=_tag, args=(given[first::processes], together, spans))
        for first in range(processes)
    ]
    for process in started:
        process.start()
    found = [spans.get() for _ in started]
    for process in started:
        process.join()
    return len(given) / (max(end for _, end in found) - min(start for start, _ in found))


def _tag(share: list[models.Comment], together: Barrier, spans: "Queue[tuple[float, float]]") -> None:
    pipeline = models.load(threads=1)
    together.wait()
    start = time.time()
    for _ in pipeline.pipe(share, batch_size=64):
        pass
    spans.put((start, time.time()))


def on_ray(given: list[models.Comment], workers: int) -> float:
    """Comments a second of Ray workers, from the times of the files that they write."""
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(Folder.at(folder))
        for first in range(0, len(given), PART):
            placed = list(enumerate(given[first : first + PART], start=first))
            parts.write_comments(first // PART, placed)
        numbers = range(-(-len(given) // PART))
        model = ModelName.of(Settings(model="default"), models.load().version)
        with cluster(LOCAL, workers) as there:
            done = sum(part.comments for part in score(parts, numbers, model, there))
        assert done == len(given)
        begun = min(path.stat().st_mtime for path in Path(folder).glob("begun-*"))
        ended = max(path.stat().st_mtime for path in Path(folder).glob("analyses-*"))
    return len(given) / (ended - begun)


WAYS: dict[str, tuple[Callable[[list[models.Comment], int], float], int]] = {
    "one plain process": (bare, 1),
    "two plain processes": (bare, 2),
    "one Ray worker": (on_ray, 1),
    "two Ray workers": (on_ray, 2),
}


def main() -> None:
    """Print a line for each way, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    given = comments(asked.comments)
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(asked.rounds):
        for name, (way, number) in WAYS.items():
            rates[name].append(way(given, number))
    for name, found in rates.items():
        middle = statistics.median(found)
        _say(f"{name}: {middle:,.0f} comments/s [{min(found):,.0f}, {max(found):,.0f}]")
    middles = {name: statistics.median(found) for name, found in rates.items()}
    _say(f"plain, two over one: {middles['two plain processes'] / middles['one plain process']:.2f}")
    _say(f"Ray, two over one: {middles['two Ray workers'] / middles['one Ray worker']:.2f}")
    _say(
        f"two Ray workers over two plain processes: {middles['two Ray workers'] / middles['two plain processes']:.2f}"
    )
    _say(f"n = {asked.comments:,} comments, {asked.rounds} rounds, parts of {PART}, one thread each")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
