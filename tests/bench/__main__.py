"""`make bench`: rivals and ourselves side by side, in one run, on the same comments.

    make bench                              # all of it, about 15 minutes; rivals are installed where they are missing
    python -m tests.bench --quick           # every part of it once, in about two minutes: to see that all is right
    python -m tests.bench --texts FILE      # on comments of one's own, JSON lines with `text`
    python -m tests.bench --server-cores 2  # servers on two cores; otherwise on one, the client on the others

Writes results.json, table.txt and picture.svg into build/bench and prints the table. Exit status 1 if a figure to
reach was missed. Leave the machine alone meanwhile: the table says how far it was not.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Any

from tests.bench import backfill, long_comments, machine, picture, report, serving, sky, targets
from tests.bench.entries import BARE, PIPELINE, Entries
from tests.bench.process import ROOT, Absent, one_thread
from tests.bench.servers import Cores
from tests.bench.throughput import Contest
from tests.bench.workload import Workload, gather

BUILD = ROOT / "build" / "bench"


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds, comments a round, seconds a cell of HTTP."""

    rounds: int = 5
    comments: int = 512
    serving_rounds: int = 3
    seconds: float = 4.0
    backfill: int = 2_048
    long: int = 8
    fidelity: int = 1_000


QUICK = Size(rounds=2, comments=64, serving_rounds=1, seconds=1.5, backfill=256, long=2, fidelity=150)


def main() -> None:
    """See the module."""
    # So that what was started is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = _asked()
    size, cores = QUICK if given.quick else Size(), Cores.shared_out(given.server_cores)
    logs = BUILD / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    rest = serving.needed(size.serving_rounds, size.seconds, given.server_cores)
    rest += size.serving_rounds * (2 * size.backfill + long_comments.COMMENTS)
    even, plain = gather(size.rounds * size.comments, rest, file=given.texts)
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": machine.facts(),
        "terms": {
            **asdict(size),
            "quick": given.quick,
            "server_cores": cores.server,
            "client_cores": cores.client,
        },
        "workload": {"throughput": even.facts(), "everything else": plain.facts()},
        "operations": sky.operations(even.texts),
    }
    entries = Entries(BUILD, make=given.rivals == "all")
    with tempfile.TemporaryDirectory() as folder:
        results |= Bench(size, cores, logs, Path(folder)).run(entries, even, plain)
    results["targets"] = targets.judge(results)
    _write(results)
    sys.exit(any(target["reached"] is False for target in results["targets"]))


@dataclass(frozen=True)
class Bench:
    """One run, part by part."""

    size: Size
    cores: Cores
    logs: Path
    folder: Path

    def run(self, entries: Entries, even: Workload, plain: Workload) -> dict[str, Any]:
        """What results.json has of all parts."""
        contest = Contest(self.logs, say)
        try:
            contest.enter(entries.contestants())
            size = min(self.size.comments, even.left // self.size.rounds)
            contest.run([even.take(size) for _ in range(self.size.rounds)])
            contest.close(keep={BARE, PIPELINE})
            contest.need({BARE, PIPELINE})
            found: dict[str, Any] = {"throughput": [one.to_dict() for one in contest.measured]}
            return (
                found
                | self._beside(contest, plain)
                | self._served(entries, contest, plain)
                | self._lost(entries)
            )
        finally:
            contest.close()

    def _beside(self, contest: Contest, plain: Workload) -> dict[str, Any]:
        pipeline, rounds = contest.running[PIPELINE], self.size.serving_rounds
        number = min(self.size.backfill, plain.left // (4 * rounds))
        filled = backfill.measure(pipeline, plain, rounds, number, self.folder, say)
        return {
            "backfill": filled.to_dict(),
            "long": long_comments.measure(pipeline, plain, rounds, self.size.long, say),
        }

    def _served(self, entries: Entries, contest: Contest, plain: Workload) -> dict[str, Any]:
        count = max(1, len(self.cores.server))
        servers, absent = entries.servers(self.folder, count)
        terms = serving.Terms(self.cores, self.size.serving_rounds, self.size.seconds, self.logs, say)
        beside = serving.Beside(contest.running[BARE], contest.running[PIPELINE])
        found = serving.measure(servers, beside, plain, terms)
        return {"serving": [one.to_dict(count) for one in found], "serving_absent": absent}

    def _lost(self, entries: Entries) -> dict[str, Any]:
        say(f"macro-F1 on {self.size.fidelity:,} labelled comments at most, three times")
        command = [sys.executable, "-m", "tests.bench.fidelity", "--comments", str(self.size.fidelity)]
        if entries.default_int8.is_dir():
            command += ["--default-int8", str(entries.default_int8)]
        surroundings = environ | one_thread()
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return {"fidelity": {"absent": f"fidelity: {done.stderr.strip().splitlines()[-1]}"}}
        return {"fidelity": json.loads(done.stdout)}


def say(what: str) -> None:
    """A line on how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    parser.add_argument(
        "--rivals",
        choices=("installed", "all"),
        default="installed",
        help="all: make environments in build/bench/venvs for those that are not installed",
    )
    parser.add_argument("--texts", type=Path, help="comments to measure on: JSON lines, .gz too")
    parser.add_argument("--server-cores", type=int, default=1, help="cores that a server may use")
    return parser.parse_args()


def _write(results: dict[str, Any]) -> None:
    text = report.text(results)
    data = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for name, content in (
        ("results.json", data),
        ("table.txt", text),
        ("picture.svg", picture.draw(results)),
    ):
        (BUILD / name).write_text(content, encoding="utf-8")
    sys.stdout.write(
        f"{text}\nWritten: results.json, table.txt and picture.svg in {BUILD.relative_to(ROOT)}\n"
    )


if __name__ == "__main__":
    try:
        main()
    except Absent as reason:
        sys.exit(f"tests.bench: {reason}")
