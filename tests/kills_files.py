"""Two files of comments that share ids, some rows bad, and what must become of them: see `tests/kills_serve.py`."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from tests.kills_told import Leaves, View

_PHRASES = (
    "Agent was kind but nobody ever fixed my bill.",
    "Checkout was easy.",
    "The app crashes.",
    "The driver was friendly but the parcel came late.",
)
_BAD = 0.03


def phrase(dice: random.Random) -> str:
    """Some words of a customer."""
    return dice.choice(_PHRASES)


@dataclass
class File:
    """One of the two; `views` are those of its good rows, `bad` the places of the others."""

    key: str | None
    lines: list[str] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)
    job: str = ""

    @property
    def content(self) -> bytes:
        """JSON lines."""
        return "".join(f"{line}\n" for line in self.lines).encode()

    def add(self, id: str, text: str, nps: int, customer: str) -> None:
        """A good row."""
        self.views[id] = (text, nps, ())
        self._put(id, json.dumps({"id": id, "text": text, "scores": {"nps": nps}, "customer_id": customer}))

    def add_bad(self, dice: random.Random, id: str, customer: str) -> None:
        """A row that must be listed as an error."""
        self.bad.add(len(self.lines))
        used = dice.choice([name for name in self.views] or [id])
        wrong: Any = dice.choice(
            [
                {"id": id, "text": "Too much.", "scores": {"nps": 11}, "customer_id": customer},
                {"id": id, "customer_id": customer},
                [id],
                {"id": used, "text": "Twice.", "customer_id": customer} if used != id else None,
            ]
        )
        row = json.dumps(wrong) if dice.random() < 0.8 else '{"id": "half'
        self._put(None, row)

    def _put(self, id: str | None, line: str) -> None:
        self.ids.append(id)
        self.lines.append(line)


class Pair:
    """Two files that are sent one after the other and worked on at once; both are one customer's."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.customer = name
        self.settled = False
        self.erased: set[str] = set()
        first, second = (dice.randrange(200, 600) for _ in range(2))
        shared = dice.randrange(20, 60)
        starts = (0, first - shared)
        self.files = [
            self._file(number, start, size, dice)
            for number, (start, size) in enumerate(zip(starts, (first, second), strict=True))
        ]

    def _file(self, number: int, start: int, size: int, dice: random.Random) -> File:
        # Without a key a file that was sent again is worked on again, and must count no more for that.
        file = File(f"{self.customer}-{number}" if dice.random() < 0.7 else None)
        for i in range(start, start + size):
            if dice.random() < _BAD:
                file.add_bad(dice, f"{self.customer}-bad{number}-{i}", self.customer)
            else:
                text = f"{phrase(dice)} #{number}"
                file.add(f"{self.customer}-{i}", text, dice.randrange(11), self.customer)
        return file

    @property
    def ids(self) -> list[str]:
        """Of good rows, that were not erased."""
        return sorted({id for file in self.files for id in file.views} - self.erased)

    def leaves(self, *, certain: bool) -> Leaves:
        """What may be stored of those that were not erased; while jobs run, nothing as well."""
        missing: list[View] = [] if certain else [None]
        return {id: missing + [file.views[id] for file in self.files if id in file.views] for id in self.ids}

    def faults(self, file: File, job: dict[str, Any], errors: list[Any], results: list[Any]) -> list[str]:
        """What is wrong with a job that is done, by its counts and lists."""
        size, gone = len(file.lines), {i for i, id in enumerate(file.ids) if id in self.erased}
        listed, stored = [one["index"] for one in errors], [one["index"] for one in results]
        extra = {one["index"] for one in errors if one["index"] not in file.bad}
        found = {
            "position and total": (job["position"], job["total"], sum(job["counts"].values())) == (size,) * 3,
            "errors listed once": len(listed) == len(set(listed)) == job["counts"]["failed"],
            "bad rows listed": file.bad <= set(listed),
            "only erased ones beside them": extra <= gone,
            "erased ones called so": {e["code"] for e in errors if e["index"] in extra} <= {"erased"},
            "results once": len(stored) == len(set(stored)),
            "all others stored": set(range(size)) - file.bad - gone <= set(stored),
            "nothing else stored": not set(stored) & (file.bad | gone),
        }
        return [name for name, good in found.items() if not good]
