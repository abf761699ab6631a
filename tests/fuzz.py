"""Schemathesis asks the whole API what its own OpenAPI document allows, and what it does not.

    python -m tests.fuzz --cases 10000 [--database URL] [--seed N]

Three parts: without keys, with keys of every kind in force, and calls that follow each other (what one answers is
asked of the next). Each answer must have a documented status below 500, the documented type, headers and shape.
Prints how many cases and operations there were, and each kind of failure once with a call that shows it; the exit
status is 1 if there is one.
"""

import argparse
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.python.asgi import ASGIClient, get_client
from schemathesis.specs.openapi import checks

import models
from service.analyse import Tagger
from service.app import create_app
from service.database import write
from service.jobs.worker import Worker
from service.keys import repository as keys
from service.keys.key import parse
from service.settings import Settings
from tests.keys import bearer, make_key

PARTS = ("without keys", "with keys", "calls that follow each other")
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
_QUIET: dict[str, Any] = {
    "phases": [Phase.generate],
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
}
_TEXTS = ("Agent was kind but nobody fixed my bill.", "n/a", "El envío llegó tarde 😡.")
_TIMEOUT = 120
"""Seconds; a call that takes longer ends the run."""
_JSONL = "application/x-ndjson"
_LINES = b'{"id": "j1", "text": "Checkout was easy."}\n{"id": "j1", "text": 7}\nno JSON\n'


class Fuzz:
    """The application with its document, and what was found. Close the client when done."""

    def __init__(self, given: Settings, client: ASGIClient, app: Any, seed: int) -> None:
        self.client = client
        self.seed = seed
        self.engine: sa.Engine = app.state.parts.engine
        for media_type in (_JSONL, "application/vnd.apache.parquet"):
            schemathesis.serializer.alias(media_type, "application/octet-stream")
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        tagger = app.state.parts.desk.tagger
        self.worker = Worker(self.engine, given, lambda: tagger, threading.Event())
        self.headers: list[dict[str, str]] = [{}]
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.failures: Counter[str] = Counter()
        self.shown: dict[str, str] = {}

    @property
    def cases(self) -> int:
        """How many answers were looked at."""
        return self.statuses.total()

    def run(self, part: str, cases: int, turn: int = 20) -> None:
        """At least so many cases of a part; after `turn` of one operation it is the next one's turn."""
        if part != PARTS[0] and len(self.headers) == 1:
            self.headers = _callers(self.engine)
        goal = self.cases + cases
        while self.cases < goal:
            self.seed += 1
            if part == PARTS[2]:
                self._follow(turn)
                continue
            for result in self.schema.get_all_operations():
                operation = result.ok()
                self._ask(operation, GenerationMode.POSITIVE, turn)
                # Any text can be an id or a header: those calls cannot be made wrongly.
                if operation.query or operation.body:
                    self._ask(operation, GenerationMode.NEGATIVE, turn)

    def judge(self, case: Case, response: Response) -> None:
        """Look at an answer; a failure is noted and does not end the run."""
        self.statuses[case.operation.label, response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                kind = f"{case.operation.label}: {response.status_code}: {failure.title}"
                self.failures[kind] += 1
                self.shown.setdefault(kind, f"{failure}\n{case.as_curl_command()}"[:2_000])

    def _ask(self, operation: APIOperation, mode: GenerationMode, turn: int) -> None:
        ids = [None, *self._ids(operation)]
        drawn = operation.as_strategy(generation_mode=mode)
        if operation.label == "POST /v1/jobs":
            # Hardly any file is one by chance.
            sound = operation.as_strategy(generation_mode=mode, body=_LINES, media_type=_JSONL)
            drawn = st.one_of(drawn, sound)

        @hypothesis.seed(self.seed)
        @hypothesis.settings(max_examples=turn, **_QUIET)
        @given(case=drawn, id=st.sampled_from(ids), headers=st.sampled_from(self.headers))
        def ask(case: Case, id: str | None, headers: dict[str, str]) -> None:
            if id is not None:
                case.path_parameters = {"id": id}
            self.judge(case, case.call(session=self.client, headers=headers, timeout=_TIMEOUT))

        ask()

    def _ids(self, operation: APIOperation) -> list[str]:
        """Ids that are there, for calls that need one: comments, and a job that is done and one that waits."""
        if "{id" not in operation.path:
            return []
        sent = [{"id": f"c{i}", "text": text, "touchpoint": "till"} for i, text in enumerate(_TEXTS)]
        own = self.headers[0]
        self.client.post("/v1/comments", json={"comments": sent}, headers=own)
        lines = {**own, "Content-Type": _JSONL}
        jobs = [self.client.post("/v1/jobs", data=_LINES, headers=lines).json()["id"]]
        while self.worker.step():
            pass
        jobs.append(self.client.post("/v1/jobs", data=_LINES, headers=lines).json()["id"])
        return {"comments": ["c0", "c1"], "jobs": jobs, "touchpoints": ["till", "*"]}[
            operation.path.split("/")[2]
        ]

    def _follow(self, turn: int) -> None:
        fuzz = self

        class Machine(self.schema.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return {"session": fuzz.client, "headers": fuzz.headers[0], "timeout": _TIMEOUT}

            def validate_response(self, response: Response, case: Case, **_: Any) -> None:
                fuzz.judge(case, response)

            def teardown(self) -> None:
                fuzz.worker.step()

        quiet = hypothesis.settings(max_examples=turn, stateful_step_count=6, **_QUIET)
        # What one scenario stored the next one finds, which Hypothesis takes for whims of the test.
        with suppress(hypothesis.errors.Flaky):
            run_state_machine_as_test(hypothesis.seed(self.seed)(Machine), settings=quiet)


def _callers(engine: sa.Engine) -> list[dict[str, str]]:
    """Headers of all who may ask; the first one may do everything."""
    callers = [make_key(engine, "admin", "metrics"), make_key(engine, "write", tenant="other")]
    callers += [
        make_key(engine, "read"),
        make_key(engine, "metrics"),
        make_key(engine, "write", comments_per_day=9),
    ]
    callers += [
        make_key(engine, "read", requests_per_minute=2),
        revoked := make_key(engine, "admin"),
        "lw_no_key",
    ]
    ended = parse(revoked)
    assert ended is not None
    with write(engine) as conn:
        keys.revoke(conn, ended.id)
    return [*(bearer(key) for key in callers), {}, {"authorization": "Basic eDp5"}]


@contextmanager
def opened(given: Settings, tagger: Tagger, seed: int = 0) -> Iterator[Fuzz]:
    """The application on a database of its own."""
    app = create_app(given, tagger)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        # As servers do: what was answered with 500 has been told, and must not end the run.
        with suppress(Exception):
            await app(scope, receive, send)

    with get_client(served) as client:
        client.get("/healthz")
        yield Fuzz(given, client, app, seed)


def report(fuzz: Fuzz) -> None:
    """Print what was found."""
    for kind, count in fuzz.failures.most_common():
        sys.stdout.write(f"{count:,} × {kind}\n{fuzz.shown[kind]}\n\n")
    statuses = Counter(status for _, status in fuzz.statuses.elements())
    told = ", ".join(f"{count:,} of {status}" for status, count in sorted(statuses.items()))
    operations = {label for label, _ in fuzz.statuses}
    everything = sum(1 for _ in fuzz.schema.get_all_operations())
    sys.stdout.write(f"answers: {told}\n")
    sys.stdout.write(
        f"{fuzz.cases:,} cases, {len(operations)} of {everything} operations, {fuzz.failures.total():,} failures\n"
    )


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument(
        "--database", help="SQLAlchemy URL of an empty database; a new SQLite file if not given"
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = asked.database or f"sqlite:///{folder}/fuzz.db"
        settings = Settings(
            model="weightless", database_url=url, files=Path(folder) / "files", log_level="error"
        )
        with opened(settings, models.load("weightless").analyze, asked.seed) as fuzz:
            for part in PARTS:
                before = fuzz.cases
                fuzz.run(part, -(-asked.cases // len(PARTS)))
                sys.stdout.write(f"{part}: {fuzz.cases - before:,} cases\n")
            report(fuzz)
    sys.exit(1 if fuzz.failures else 0)


if __name__ == "__main__":
    main()
