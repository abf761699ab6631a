"""A short run of `python -m tests.kills`: clients and the server die at random moments, and nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.kills import WRONGS

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
