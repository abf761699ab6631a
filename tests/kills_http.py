"""A client over HTTP of a server that is killed again and again: it asks until it is answered, and notes what it
was told. See `tests/kills_serve.py`."""

import json
import os
import random
import secrets
import time
import traceback
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx2

from tests.kills_files import Pair, phrase
from tests.kills_told import Journal, Leaves, View

OWN = 40
"""Ids that no other client uses, so that it is known what must be there."""
SHARED = 10
_LABELS = ("poor_communication", "unresolved_issue", "helpful_support", "easy_to_use")
_SECONDS = 60
"""Without an answer in this time a client is kept waiting for nothing."""
Item = dict[str, Any]
Ask = Callable[[bool], bool]
"""Asks once, told whether for the first time; whether it was answered."""


class Client:
    """One of several; it does one thing after the other."""

    def __init__(self, name: str, url: str, journal: Path, seed: int, stop: Event) -> None:
        self.name = name
        self.dice = random.Random(seed)
        self.journal = Journal(journal)
        self.stop = stop
        self.items: dict[str, Item] = {}
        self.said: dict[str, list[str]] = {}
        self.pair: Pair | None = None
        self.serial = 0
        self.kept: tuple[bytes, str, Any, set[str]] | None = None
        """The last request with a key, its key, its answer and the comments in it."""
        self.erased: set[str] = set()
        self.http = httpx2.Client(base_url=url, timeout=_SECONDS)

    def run(self) -> None:
        """Until told to stop, and then until the jobs are done."""
        while not (self.stop.is_set() and (self.pair is None or self.pair.settled)):
            self._step()

    def _step(self) -> None:
        deeds: list[tuple[int, Callable[[], None]]] = [(30, self._write), (10, self._write_with_key)]
        if self.items:
            deeds += [(10, self._replay), (8, self._correct), (8, self._delete), (3, self._forget)]
        deeds += [(8, self._read), (5, self._again)]
        if self.pair is None:
            deeds.append((30, self._upload))
        elif self.pair.settled:
            deeds.append((10, self._forget_pair))
        else:
            deeds += [(12, self._look), (5, self._delete_ahead), (0.3, self._forget_pair)]
        weights, actions = zip(*deeds, strict=True)
        self.dice.choices(actions, weights)[0]()

    def _until_answered(self, kind: str, leaves: Leaves, ask: Ask) -> None:
        self.journal.begin(kind, leaves)
        tries = 1
        while not ask(tries == 1):
            tries += 1
            time.sleep(0.05)
        self.journal.done(tries)

    def _ask(self, method: str, path: str, *expected: int, **given: Any) -> httpx2.Response | None:
        """An answer; None where there was none, or the server asks to come again."""
        try:
            answer = self.http.request(method, path, **given)
        except httpx2.TimeoutException:
            self.journal.wrong("requests without an answer", f"{method} {path}")
            return None
        except httpx2.TransportError:
            return None
        if answer.status_code == 503 and "retry-after" in answer.headers:
            return None
        if answer.status_code not in expected:
            self.journal.wrong(
                "answers that must not be", f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            )
            return None if answer.status_code >= 500 else answer
        return answer

    # -- comments -------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        ids = [f"{self.name}-{i}" for i in range(OWN)] + [f"shared-{i}" for i in range(SHARED)]
        size = self.dice.choice((1, 1, self.dice.randrange(2, 9)))
        self._send("single" if size == 1 else "batch", self._fresh(self.dice.sample(ids, size)), None)

    def _write_with_key(self) -> None:
        # Only its own: what is kept under the key must not be erased by anybody else.
        ids = [f"{self.name}-{i}" for i in range(OWN)]
        items = self._fresh(self.dice.sample(ids, self.dice.randrange(1, 6)))
        self._send("write with a key", items, secrets.token_hex(8))

    def _replay(self) -> None:
        some = self.dice.sample(sorted(self.items), min(len(self.items), self.dice.randrange(1, 6)))
        self._send("replay", [self.items[id] for id in some], None)

    def _fresh(self, ids: list[str]) -> list[Item]:
        self.serial += 1
        return [
            {
                "id": id,
                "text": f"{phrase(self.dice)} #{self.serial}",
                "touchpoint": self.dice.choice([None, "order", "shop"]),
                "occurred_at": f"2026-10-0{self.dice.randrange(1, 5)}T09:00:00Z",
                "scores": {"nps": self.dice.randrange(11), "ces": self.dice.choice([None, 1, 7])},
                "customer_id": self._customer() if id.startswith(self.name) else None,
            }
            for id in ids
        ]

    def _send(self, kind: str, items: list[Item], key: str | None) -> None:
        bad = [] if kind in ("replay", "single") or self.dice.random() < 0.8 else [{"id": "x", "text": 3}]
        body = json.dumps({"comments": [*items, *bad]}).encode()
        own = {item["id"]: item for item in items if item["id"].startswith(self.name)}
        outcomes = {id: self._outcome(id, item) for id, item in own.items()}
        said = {id: self.said.get(id, []) if outcomes[id] == "replayed" else [] for id in own}
        leaves: Leaves = {id: [_view(item, said[id])] for id, item in own.items()}

        def ask(first: bool) -> bool:
            headers = {"Idempotency-Key": key} if key else {}
            answer = self._ask("POST", "/v1/comments", 200, content=body, headers=headers)
            if answer is None:
                return False
            errors = answer.json()["errors"]
            if any(error["code"] == "not_stored" for error in errors):
                return False
            came = {one["id"]: one["outcome"] for one in answer.json()["results"]}
            if [error["index"] for error in errors] != [len(items)] * len(bad) or len(came) != len(items):
                self.journal.wrong("answers unlike what was sent", str(errors))
            for id, outcome in outcomes.items():
                if came.get(id) != outcome and (first or came.get(id) != "replayed"):
                    what = "lost" if came.get(id) == "created" else "answers unlike what was acknowledged"
                    self.journal.wrong(what, f"{kind} {id}: {came.get(id)} in place of {outcome}")
            if key:
                self.kept = (body, key, answer.json(), set(own))
                self.erased -= set(own)
            return True

        self._until_answered(kind, leaves, ask)
        self.items |= own
        self.said |= said

    def _outcome(self, id: str, item: Item) -> str:
        if id not in self.items:
            return "created"
        return "replayed" if self.items[id] == item else "replaced"

    def _again(self) -> None:
        if self.kept is None:
            return
        body, key, before, ids = self.kept
        gone = bool(ids & self.erased)

        def ask(first: bool) -> bool:
            headers = {"Idempotency-Key": key}
            answer = self._ask("POST", "/v1/comments", 410 if gone else 200, content=body, headers=headers)
            if answer is None:
                return False
            if not gone and (answer.json() != before or "idempotency-replayed" not in answer.headers):
                self.journal.wrong("answers unlike the first one", f"key {key}")
            return True

        self._until_answered("key sent again", {}, ask)

    def _correct(self) -> None:
        id = self.dice.choice(sorted(self.items))
        before = self.said.get(id, [])
        said = [*before, self.dice.choice([one for one in _LABELS if one not in before[-1:]])]
        headers = {"Idempotency-Key": secrets.token_hex(8)} if self.dice.random() < 0.5 else {}
        body = {"labels": {"add": said[-1:], "remove": []}, "actor": self.name}

        def ask(first: bool) -> bool:
            answer = self._ask("POST", f"/v1/comments/{id}/corrections", 200, json=body, headers=headers)
            if answer is not None and first and answer.json().get("outcome") != "created":
                self.journal.wrong(
                    "answers unlike what was acknowledged", f"correction of {id}: {answer.text[:200]}"
                )
            return answer is not None

        self._until_answered("correction", {id: [_view(self.items[id], said)]}, ask)
        self.said[id] = said

    def _read(self) -> None:
        id = f"{self.name}-{self.dice.randrange(OWN)}"
        item = self.items.get(id)

        def ask(first: bool) -> bool:
            answer = self._ask("GET", f"/v1/comments/{id}", 200, 404)
            if answer is not None and (answer.status_code == 200) != (item is not None):
                self.journal.wrong("lost" if item else "deleted ones that are there", f"GET {id}")
            elif answer is not None and item and answer.json()["text"] != item["text"]:
                self.journal.wrong("unlike what was acknowledged", f"GET {id}")
            return answer is not None

        self._until_answered("read", {}, ask)

    # -- erasing --------------------------------------------------------------------------------------------------

    def _delete(self) -> None:
        self._delete_one(self.dice.choice(sorted(self.items)), "delete", certain=True)

    def _delete_ahead(self) -> None:
        """A row of a file that is being read: it may have been stored or not, and must not be from now on."""
        assert self.pair is not None
        if ids := self.pair.ids:
            id = self.dice.choice(ids)
            # From now on it may be listed as erased.
            self.pair.erased.add(id)
            self._delete_one(id, "delete ahead of a job", certain=False)

    def _delete_one(self, id: str, kind: str, *, certain: bool) -> None:
        def ask(first: bool) -> bool:
            answer = self._ask("DELETE", f"/v1/comments/{id}", 204, 404)
            if answer is not None and answer.status_code == 404 and first and certain:
                self.journal.wrong("lost", f"DELETE {id}")
            return answer is not None

        self._until_answered(kind, {id: [None]}, ask)
        self._drop([id])

    def _forget(self) -> None:
        customer = self._customer()
        theirs = [id for id, item in self.items.items() if item["customer_id"] == customer]
        self._forget_customer("forget", customer, theirs, len(theirs))
        self._drop(theirs)

    def _forget_pair(self) -> None:
        pair = self.pair
        assert pair is not None
        ids = pair.ids
        kind = "forget a file" if pair.settled else "forget ahead of a job"
        pair.erased |= set(ids)
        self._forget_customer(kind, pair.customer, ids, len(ids) if pair.settled else None)
        if pair.settled:
            self.pair = None

    def _forget_customer(self, kind: str, customer: str, ids: list[str], number: int | None) -> None:
        def ask(first: bool) -> bool:
            answer = self._ask("DELETE", "/v1/comments", 200, params={"customer_id": customer})
            if answer is not None and first and number not in (None, answer.json()["deleted"]):
                told = f"forget {customer}: {answer.json()['deleted']} in place of {number}"
                self.journal.wrong("answers unlike what was acknowledged", told)
            return answer is not None

        self._until_answered(kind, {id: [None] for id in ids}, ask)

    def _drop(self, ids: list[str]) -> None:
        for id in ids:
            self.items.pop(id, None)
            self.said.pop(id, None)
        self.erased |= set(ids)

    def _customer(self) -> str:
        return f"{self.name}-u{self.dice.randrange(6)}"

    # -- files ----------------------------------------------------------------------------------------------------

    def _upload(self) -> None:
        self.serial += 1
        pair = Pair(f"{self.name}-p{self.serial}", self.dice)
        for file in pair.files:

            def ask(first: bool) -> bool:
                headers = {"Idempotency-Key": file.key} if file.key else {}  # noqa: B023
                sent = {"file": ("rows.jsonl", file.content)}  # noqa: B023
                answer = self._ask("POST", "/v1/jobs", 202, files=sent, headers=headers)
                if answer is not None:
                    file.job = answer.json()["id"]  # noqa: B023
                return answer is not None

            maybe: Leaves = {id: views for id, views in pair.leaves(certain=False).items()}
            self._until_answered("file", maybe, ask)
        self.pair = pair

    def _look(self) -> None:
        """Whether both jobs are done; then hold what they say against what was sent."""
        pair = self.pair
        assert pair is not None
        jobs = [self._ask("GET", f"/v1/jobs/{file.job}", 200) for file in pair.files]
        if any(job is None or job.json().get("state") in ("queued", "running") for job in jobs):
            time.sleep(0.05)
            return
        for file, job in zip(pair.files, jobs, strict=True):
            assert job is not None
            if job.json().get("state") != "done":
                self.journal.wrong("jobs that did not come to their end", job.text)
                continue
            for fault in pair.faults(
                file, job.json(), self._lines(file.job, "errors"), self._lines(file.job, "results")
            ):
                self.journal.wrong("jobs whose lists are wrong", f"{file.job}: {fault}")
        self._until_answered("both jobs done", pair.leaves(certain=True), lambda first: True)
        pair.settled = True

    def _lines(self, job: str, what: str) -> list[Any]:
        headers = {"Accept": "application/x-ndjson"}
        while True:
            answer = self._ask("GET", f"/v1/jobs/{job}/{what}", 200, headers=headers)
            if answer is not None:
                return [json.loads(line) for line in answer.text.splitlines()]
            time.sleep(0.05)


def _view(item: Item, said: list[str]) -> View:
    return item["text"], item["scores"]["nps"], tuple(said)


def live(name: str, url: str, journal: Path, seed: int, stop: Event) -> None:
    """A client's whole process. Status 3 if it ends for another reason than being told."""
    status = 3
    try:
        Client(name, url, journal, seed, stop).run()
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)
