"""A contestant's own process: loads it, then does one round for each line that comes in.

    echo '{"texts": ["Agent was kind."], "labels": true}' |
        python -m tests.bench.worker tests.bench.contestants.ours:WholePipeline '{"runtime": "onnx"}'

The first line out says that it is ready, or why it is not; then comes one line a round. Whatever a library prints
goes to standard error.
"""

import json
import os
import resource
import sys
import time
from importlib import import_module
from typing import IO, Any, Protocol


class Contestant(Protocol):
    """Something that reads comments, made from its options; the making is not timed."""

    def prepare(self, texts: list[str]) -> Any:
        """What a round starts from. Not timed."""
        ...

    def run(self, prepared: Any) -> Any:
        """The round. Timed."""
        ...

    def work(self, prepared: Any, answers: Any) -> float:
        """How much was done: comments, or what else is counted. Raises if an answer is missing."""
        ...

    def labels(self, answers: Any) -> list[list[str]]:
        """What was said of each comment, to compare contestants by."""
        ...


def main() -> None:
    """See the module."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    place, options = sys.argv[1], json.loads(sys.argv[2])
    try:
        contestant = _made(place, options)
    except Exception as error:  # whatever a rival raises: it is shown as absent, with the reason
        _reply(replies, {"absent": f"{type(error).__name__}: {error}"})
        return
    _reply(replies, {"ready": True, "peak_mb": _peak()})
    for line in sys.stdin:
        _reply(replies, _round(contestant, json.loads(line)))


def _made(place: str, options: dict[str, Any]) -> Contestant:
    module, _, name = place.partition(":")
    made: Contestant = getattr(import_module(module), name)(**options)
    return made


def _round(contestant: Contestant, asked: dict[str, Any]) -> dict[str, Any]:
    prepared = contestant.prepare(asked["texts"])
    wall, cpu = time.perf_counter(), time.process_time()
    answers = contestant.run(prepared)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    labels = contestant.labels(answers) if asked.get("labels") else None
    work = contestant.work(prepared, answers)
    return {"work": work, "wall": wall, "cpu": cpu, "peak_mb": _peak(), "labels": labels}


def _peak() -> float:
    """The most memory that this process has held, in MB of 10^6 bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _reply(replies: IO[str], answer: dict[str, Any]) -> None:
    replies.write(json.dumps(answer) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
