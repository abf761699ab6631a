"""Short runs of `tests.kills` and `tests.kills_serve`: clients and servers die at random moments, nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.kills import WRONGS
from tests.kills_serve import WRONGS as OF_SERVE

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_counted_twice(databases: Databases) -> None:
    # A process of its own: clients are forked, and a test run has threads.
    command = [sys.executable, "-m", "tests.kills", "--kills", "10", "--database", databases.kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    first, acknowledged, *figures = done.stdout.splitlines()
    assert first.startswith(f"{databases.kind}: 10 kills")
    assert "record" in acknowledged
    assert figures == [f"{what}: 0" for what in WRONGS]


@pytest.mark.slow
def test_killed_servers_and_workers_lose_nothing_that_was_acknowledged() -> None:
    command = [sys.executable, "-m", "tests.kills_serve", "--kills", "8", "--database", "sqlite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("sqlite: 8 kills")
    assert [line for line in done.stdout.splitlines() if line.endswith(": 0")] == [
        f"{w}: 0" for w in OF_SERVE
    ]
