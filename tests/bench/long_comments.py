"""Do comments of 2,000 words cost more than their words? The same words as comments of 250 and of 2,000."""

import random
from collections.abc import Callable
from typing import Any

from tests.bench.figures import Spread, ratios
from tests.bench.process import Running
from tests.bench.throughput import timed
from tests.bench.workload import Workload

LONG, SHORT = 2_000, 250
COMMENTS = 400


def measure(
    pipeline: Running, workload: Workload, rounds: int, number: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """`number` long comments a round; rates in words a processor second."""
    rates: dict[int, list[float]] = {LONG: [], SHORT: []}
    for count in range(rounds):
        say(f"long comments, round {count + 1} of {rounds}: {number} of {LONG:,} words")
        words = _words(workload, number * LONG)
        for length, found in rates.items():
            texts = [" ".join(words[start : start + length]) for start in range(0, len(words), length)]
            found.append(len(words) / timed(pipeline, texts).cpu)
    spreads = {"long": Spread.of(rates[LONG]), "short": Spread.of(rates[SHORT])}
    spreads["long_of_short"] = ratios(rates[LONG], rates[SHORT])
    return {name: spread.to_dict() if spread else None for name, spread in spreads.items()}


def _words(workload: Workload, number: int) -> list[str]:
    """So many words of some comments, these in another order each time they come: no two stretches are alike."""
    texts, dice = workload.take(min(workload.left, COMMENTS)), random.Random(0)
    words: list[str] = []
    while len(words) < number:
        dice.shuffle(texts)
        words += " ".join(texts).split()
    return words[:number]
