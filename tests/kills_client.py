"""A client that will be killed: it writes, replays, replaces and deletes, and keeps a journal that outlives it.

The journal says what it is about to do, then that it was told it is done. Started again it does first, once more,
what it does not know the end of, as other systems do that retry. See `tests/kills.py`.
"""

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

import models
from service import repository
from service.analyse import TENANT, Desk
from service.database import AWAY, open_engine, write
from service.intake import take
from service.settings import Settings

OWN = 40
"""Ids that no other client uses, so that it is known what must be there."""
SHARED = 10
_PHRASES = (
    "Agent was kind but nobody ever fixed my bill.",
    "Checkout was easy.",
    "The app crashes.",
    "n/a",
    "The driver was friendly but the parcel came late.",
)
State = dict[str, Any]
"""What is stored under each id: the item as it was sent, or None."""

Deed = dict[str, Any]


@dataclass
class Told:
    """What a journal says: the deeds that were begun, how many of them are done, and what those left."""

    state: State = field(default_factory=dict)
    begun: list[Deed] = field(default_factory=list)
    done: int = 0

    @classmethod
    def by(cls, path: Path) -> "Told":
        """Read a journal; the last line may be half a line, and then nothing of it was done."""
        told = cls()
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                told._take(json.loads(line))
        return told

    def _take(self, entry: dict[str, Any]) -> None:
        if "state" in entry:
            self.state = entry["state"]
        elif "kind" in entry:
            self.begun.append(entry)
        else:
            self.state.update(self.begun[self.done]["leaves"])
            self.done += 1

    @property
    def pending(self) -> list[Deed]:
        """At most one, of which the client does not know the end."""
        return self.begun[self.done :]

    def compact(self, path: Path) -> None:
        """Write it anew, as short as it can be; only while its client is dead."""
        entries = [{"state": self.state}, *self.pending]
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


class Client:
    """One of several that use the same store."""

    def __init__(self, name: str, url: str, journal: Path, pipeline: models.Pipeline, seed: int) -> None:
        self.name = name
        self.dice = random.Random(seed)
        told = Told.by(journal)
        self.state, self.pending = told.state, told.pending
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND)
        self.pipeline = pipeline
        self.serial = time.time_ns()
        self.engine = self._opened(url)
        self.desk = Desk(self.engine, pipeline.analyze, Settings(model="weightless"))

    def run(self, *, only_finish: bool = False) -> None:
        """Until it is killed, or until what was pending is done."""
        for deed in self.pending:
            self._until_done(deed)
        while not only_finish:
            deed = self._plan()
            # One write, so that it is there or not there when the process ends.
            os.write(self.journal, json.dumps(deed).encode() + b"\n")
            self._until_done(deed)

    def _until_done(self, deed: Deed) -> None:
        while not self._does(deed):
            time.sleep(0.02)
        os.write(self.journal, b'{"done": true}\n')
        self.state.update(deed["leaves"])

    def _does(self, deed: Deed) -> bool:
        try:
            if deed["kind"] == "delete":
                with write(self.engine) as conn:
                    repository.delete(conn, TENANT, deed["id"])
            elif deed["kind"] == "forget":
                with write(self.engine) as conn:
                    repository.delete_customer(conn, TENANT, deed["customer_id"])
            elif deed["kind"] == "batch":
                self._save_together(deed["items"])
            else:
                return not self.desk.record(deed["items"]).errors
        except AWAY:
            return False
        except models.ListenwellError as error:
            if error.code != "database_unavailable":
                raise
            return False
        return True

    def _save_together(self, items: list[Any]) -> None:
        arrived = datetime.now(UTC)
        records = [one.record for one in take(items, tenant=TENANT, arrived=arrived).accepted]
        analyses = self.pipeline.analyze([models.Comment(record.text) for record in records])
        with write(self.engine) as conn:
            repository.save_all(conn, list(zip(records, analyses, strict=True)), arrived)

    def _plan(self) -> Deed:
        stored = {id: item for id, item in self.state.items() if item is not None}
        chance = self.dice.random()
        if chance < 0.1 and stored:
            id = self.dice.choice(sorted(stored))
            return {"kind": "delete", "id": id, "leaves": {id: None}}
        if chance < 0.15:
            customer = self._customer()
            leaves = {id: None for id, item in stored.items() if item["customer_id"] == customer}
            return {"kind": "forget", "customer_id": customer, "leaves": leaves}
        items = list(self._items(stored))
        leaves = {item["id"]: item for item in items if item["id"].startswith(self.name)}
        return {"kind": "batch" if chance < 0.5 else "record", "items": items, "leaves": leaves}

    def _items(self, stored: State) -> Iterator[dict[str, Any]]:
        ids = [f"{self.name}-{i}" for i in range(OWN)] + [f"shared-{i}" for i in range(SHARED)]
        for id in self.dice.sample(ids, self.dice.randrange(1, 9)):
            if id in stored and self.dice.random() < 0.3:
                yield stored[id]
                continue
            self.serial += 1
            yield {
                "id": id,
                "text": f"{self.dice.choice(_PHRASES)} #{self.serial}",
                "touchpoint": self.dice.choice([None, "order", "shop"]),
                "occurred_at": f"2026-10-0{self.dice.randrange(1, 5)}T09:00:00Z",
                "scores": {"nps": self.dice.randrange(11), "ces": self.dice.choice([None, 1, 7])},
                # The shared ones have none: to forget somebody erases the client's own comments only.
                "customer_id": self._customer() if id.startswith(self.name) else None,
            }

    def _customer(self) -> str:
        return f"{self.name}-u{self.dice.randrange(6)}"

    def _opened(self, url: str) -> sa.Engine:
        while True:
            try:
                return open_engine(url)
            except models.InputError:
                time.sleep(0.02)


def live(name: str, url: str, journal: Path, pipeline: models.Pipeline, seed: int, finish: bool) -> NoReturn:
    """A client's whole process. Status 3 if it ends for another reason than being killed."""
    status = 3
    try:
        Client(name, url, journal, pipeline, seed).run(only_finish=finish)
        status = 0
    finally:
        os._exit(status)
