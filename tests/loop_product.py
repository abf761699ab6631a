"""The product as its users have it, for the experiment on corrections: commands, a server, requests over HTTP.

with House(folder).serving() as url: ...
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx2

from models import taxonomy
from tests.loop_data import Line
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
LABELS = [label.id for label in taxonomy.load().labels]
_BATCH = 100
_ASKED = 10
_FIELDS = ("sentiment", "empathy", "effort", "loyalty", "intent")


class House:
    """An installation with a store of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LISTENWELL_")} | {
            "LISTENWELL_DATABASE_URL": f"sqlite:///{folder / 'house.db'}",
            "LISTENWELL_FILES": str(folder / "files"),
            "LISTENWELL_JOB_WORKERS": "0",
            "LISTENWELL_AUDIT_RATE": "0",  # what is drawn to measure is not trained on: all are to count here
            "PYTHONPATH": str(ROOT),
        }

    def command(self, *words: str | Path, may_fail: bool = False) -> str:
        """Run `listenwell …`, shown; what it printed. Raises `AssertionError` if it fails and may not."""
        said = [str(word) for word in words]
        click.echo("$ listenwell " + " ".join(word.replace(f"{self.folder}/", "") for word in said))
        done = subprocess.run(
            [sys.executable, "-m", "models.command", *said],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert may_fail or done.returncode == 0, done.stdout[-2_000:]
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of a server while the block runs."""
        url = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "models.command", "serve", "--port", str(port), "--workers", "1"]
        with (
            (self.folder / "serve.log").open("wb") as log,
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            ) as server,
        ):
            try:
                _wait(f"{url}/readyz", server)
                yield url
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(timeout=30)


class Tenant:
    """One key's view of a server: sends comments, asks the queue, corrects."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx2.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=120, trust_env=False
        )

    def store(self, lines: Sequence[Line]) -> None:
        """Send comments, without their labels."""
        for start in range(0, len(lines), _BATCH):
            sent = [
                {name: line[name] for name in ("id", "text", "question")} for line in lines[start:][:_BATCH]
            ]
            answer = self._ask("POST", "/v1/comments", json={"comments": sent})
            assert not answer["errors"], answer["errors"][:3]

    def version(self) -> str:
        """The model that answers."""
        answer = self._ask("POST", "/v1/analyze", json={"comments": [{"text": "Nobody ever fixed my bill."}]})
        return str(answer["results"][0]["model_version"])

    def uncertain(self, annotator: str) -> list[str]:
        """Ids that the review queue asks for next."""
        asked = {"stream": "uncertain", "annotator": annotator, "limit": _ASKED}
        return [one["id"] for one in self._ask("GET", "/v1/review", params=asked)["items"]]

    def correct(self, line: Line, annotator: str) -> None:
        """Say of every label whether it is there, with the words for it, and all else that annotators said."""
        mentions = [*line["labels"]["issues"], *line["labels"]["strengths"]]
        there = [{"id": one["id"], "evidence": one["evidence"]} for one in mentions]
        absent = sorted(set(LABELS) - {one["id"] for one in there})
        said = {name: line["labels"][name] for name in _FIELDS}
        body = {"labels": {"add": there, "remove": absent}, "actor": annotator, **said}
        self._ask("POST", f"/v1/comments/{quote(line['id'], safe='')}/corrections", json=body)

    def corrected(self) -> list[str]:
        """Ids of all comments that were corrected, the first first."""
        found: list[str] = []
        cursor = None
        while True:
            asked = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = self._ask("GET", "/v1/corrections", params=asked)
            found += [one["comment_id"] for one in page["corrections"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found[::-1]

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._client.request(method, path, **more)
        assert answer.status_code == 200, (method, path, answer.status_code, answer.text[:500])
        return answer.json()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx2.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server did not become ready")
