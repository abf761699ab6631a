"""Comments a second of every contestant, side by side: all are loaded, then take their rounds in turn.

Round by round A B C, A B C, each time from another one on, all with the same comments, each alone in its turn.
"""

import os
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.bench.figures import Spread
from tests.bench.noise import Noise
from tests.bench.process import Absent, Entry, Round, Running

_WARM = 32


@dataclass
class Measured:
    """A contestant with its rounds, or with the reason why it has none."""

    entry: Entry
    rounds: list[Round] = field(default_factory=list)
    absent: str | None = None

    @property
    def rates(self) -> list[float]:
        """Work per processor second, round by round."""
        return [one.rate for one in self.rounds]

    def to_dict(self) -> dict[str, Any]:
        """As results.json has it."""
        figures = {
            "rate": self.rates,
            "wall_rate": [one.wall_rate for one in self.rounds],
            "peak_mb": [one.peak_mb for one in self.rounds],
            "others": [one.others for one in self.rounds],
        }
        about = {"name": self.entry.name, "title": self.entry.title, "group": self.entry.group}
        return (
            about
            | {"absent": self.absent, "rates": self.rates}
            | {name: _figure(values) for name, values in figures.items()}
        )


class Contest:
    """All contestants, loaded. To be closed."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self.measured: list[Measured] = []
        self.running: dict[str, Running] = {}

    def enter(self, entries: Iterable[tuple[Entry, Callable[[], Path]]]) -> None:
        """Load all, some side by side; one that cannot be loaded is absent from then on."""
        asked = [(Measured(entry), python) for entry, python in entries]
        self.measured = [measured for measured, _ in asked]
        with ThreadPoolExecutor(os.cpu_count()) as several:
            list(several.map(lambda one: self._load(*one), asked))

    def _load(self, measured: Measured, python: Callable[[], Path]) -> None:
        entry = measured.entry
        self._say(f"loading: {entry.title}")
        try:
            self.running[entry.name] = Running(entry, python(), self._logs / f"{entry.name}.log")
        except Absent as reason:
            measured.absent = str(reason)

    def run(self, rounds: Sequence[Sequence[str]]) -> None:
        """One round for each list of comments, after a short one that does not count."""
        for measured in self._present():
            self._turn(measured, rounds[0][:_WARM], count=False)
        for number, texts in enumerate(rounds):
            present = self._present()
            self._say(f"throughput, round {number + 1} of {len(rounds)}: {len(texts):,} comments")
            first = number % max(1, len(present))
            for measured in present[first:] + present[:first]:
                self._turn(measured, texts, count=True)

    def need(self, names: Set[str]) -> None:
        """Raises `Absent` if one of these could not be measured: nothing can be said without it."""
        for measured in self.measured:
            if measured.entry.name in names and measured.absent is not None:
                raise Absent(f"{measured.entry.title}: {measured.absent}")

    def close(self, keep: Set[str] = frozenset()) -> None:
        """End the processes of all but those."""
        for name in set(self.running) - keep:
            self.running.pop(name).close()

    def _present(self) -> list[Measured]:
        return [measured for measured in self.measured if measured.absent is None]

    def _turn(self, measured: Measured, texts: Sequence[str], *, count: bool) -> None:
        try:
            found = timed(self.running[measured.entry.name], texts)
        except Absent as reason:
            measured.absent, measured.rounds = str(reason), []
            return
        if count:
            measured.rounds.append(found)


def timed(running: Running, texts: Sequence[str]) -> Round:
    """A round with the noise of the machine during it."""
    with Noise() as noise:
        found = running.round(texts)
    return replace(found, others=noise.cores)


def _figure(values: Sequence[float]) -> dict[str, Any] | None:
    spread = Spread.of(values)
    return spread.to_dict() if spread else None
