"""What clients over HTTP note down of what they were told, and what may be stored by that: see `tests/kills_serve.py`.

A line says what is about to be asked and what that would leave, a second one that it was answered. A third kind
says that an answer was not what it had to be. A `View` is what is compared of a comment; None stands for no comment.
"""

import json
import os
from collections import Counter, deque
from pathlib import Path
from typing import Any

View = tuple[str, int, tuple[str, ...]] | None
"""Text, NPS, and the labels that people added, in turn."""
Leaves = dict[str, list[View]]
"""What may be stored under each id, any of these."""


class Journal:
    """The client's end: each line is one write, so that it is there or not there."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def begin(self, kind: str, leaves: Leaves) -> None:
        """Something is about to be asked."""
        self._note({"kind": kind, "leaves": leaves})

    def done(self, tries: int) -> None:
        """It was answered, at this try."""
        self._note({"tries": tries})

    def wrong(self, what: str, about: str) -> None:
        """An answer that must not be."""
        self._note({"wrong": what, "about": about})

    def _note(self, entry: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")


class Told:
    """The reader's end: follows a journal while it grows."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._half = b""
        self._begun: deque[dict[str, Any]] = deque()
        self._state: Leaves = {}
        self.deeds: Counter[str] = Counter()
        self.repeated = 0
        self.wrong: Counter[str] = Counter()
        self.examples: list[str] = []

    def read(self) -> list[Leaves]:
        """Read on; what the deeds that were begun meanwhile would leave."""
        *lines, self._half = (self._half + self._file.read()).split(b"\n")
        return [leaves for line in lines if (leaves := self._take(json.loads(line))) is not None]

    def possible(self) -> dict[str, list[View]]:
        """What may be stored under each id, as far as was read: what is not named must not be there."""
        found = {id: list(views) for id, views in self._state.items()}
        for deed in self._begun:
            widen(found, deed["leaves"])
        return found

    def _take(self, entry: dict[str, Any]) -> Leaves | None:
        if "wrong" in entry:
            self.wrong[entry["wrong"]] += 1
            self.examples.append(f"{entry['wrong']}: {entry['about']}")
            return None
        if "kind" in entry:
            entry["leaves"] = {id: [_view(view) for view in v] for id, v in entry["leaves"].items()}
            self._begun.append(entry)
            return dict(entry["leaves"])
        deed = self._begun.popleft()
        self.deeds[deed["kind"]] += 1
        self.repeated += entry["tries"] > 1
        for id, views in deed["leaves"].items():
            if views == [None]:
                self._state.pop(id, None)
            else:
                self._state[id] = views
        return None


def widen(possible: Leaves, leaves: Leaves) -> None:
    """What is not yet answered may have been done or not."""
    for id, views in leaves.items():
        possible.setdefault(id, [None]).extend(views)


def _view(read: list[Any] | None) -> View:
    return None if read is None else (read[0], read[1], tuple(read[2]))
