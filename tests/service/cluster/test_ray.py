"""A cluster of several workers on this machine, and who is killed in the middle: a worker, or the command itself."""

import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import models
from service.database import read
from service.tables import comment
from tests.recount import assert_exact

ROOT = Path(models.__file__).parents[1]
GOOD: list[dict[str, Any]] = [
    {"id": f"r{i}", "text": f"Agent {i} was kind but nobody ever fixed my bill. The app crashes. " * 3}
    for i in range(1000)
]
BAD: list[dict[str, Any]] = [
    {"id": "r7", "text": "An id for the second time."},
    {"text": "No id."},
    {"id": "eleven", "text": "Too much.", "scores": {"nps": 11}},
]
# A cluster of its own, which answers nobody else.
ACCESS = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
ROWS = [*GOOD[:500], *BAD, *GOOD[500:]]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[ray]'"
    ),
]


class Cluster(NamedTuple):
    """Where it answers, and the process that it lives as long as."""

    address: str
    pid: int

    def workers(self) -> list[int]:
        """Processes in which an actor of ours is at work."""
        family = {self.pid}
        found = []
        for pid, parent, line in sorted(_processes()):
            if parent in family:
                family.add(pid)
                if "Analyst" in line:
                    found.append(pid)
        return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Of two CPUs."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), **ACCESS}
    command = [sys.executable, "-m", "tests.service.cluster.local_cluster", "2"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield Cluster(next(line.split()[1] for line in lines if line.startswith("address ")), process.pid)
        process.send_signal(signal.SIGTERM)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "feedback.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@contextmanager
def backfill(url: str, file: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The command; killed at the end if it still runs."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LISTENWELL_DATABASE_URL": url, **ACCESS}
    process = subprocess.Popen(
        [sys.executable, "-m", "models.command", "backfill", str(file), *options],
        env=environment,
        cwd=file.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def on_ray(url: str, file: Path, cluster: Cluster) -> Any:
    return backfill(
        url, file, "--engine", "ray", "--address", cluster.address, "--parallelism", "2", "--parts", "parts"
    )


def done(file: Path) -> dict[str, int]:
    """The parts that are done, each with the time when it was."""
    return {part.name: part.stat().st_mtime_ns for part in file.parent.glob("parts/*/analyses-*")}


def wait_for_parts(process: "subprocess.Popen[str]", file: Path, number: int) -> dict[str, int]:
    deadline = time.monotonic() + 180
    while len(done(file)) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no parts within three minutes"
        time.sleep(0.01)
    return done(file)


def assert_all_there_once(engine: sa.Engine) -> None:
    with read(engine) as conn:
        assert sorted(conn.scalars(sa.select(comment.c.id))) == sorted(row["id"] for row in GOOD)
        assert_exact(conn)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    cluster: Cluster, engine: sa.Engine, database_url: str, file: Path
) -> None:
    with on_ray(database_url, file, cluster) as process:
        before = wait_for_parts(process, file, 1)
        killed = cluster.workers()
        os.kill(killed[0], signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    # The second one may still be starting.
    assert len(killed) in (1, 2)
    assert len(before) < len(done(file))
    assert "1,000 created, 0 replayed, 0 replaced, 3 failed" in out
    for line in (
        "row 501 (id r7): id: was used before in this batch [duplicate_id]",
        "row 502: id: is needed to store a comment [missing_field]",
        "row 503 (id eleven): scores.nps:",
    ):
        assert line in err
    assert_all_there_once(engine)
    # The other engine finds all of it stored, and lists the same rows.
    with backfill(database_url, file) as again:
        out, rest = again.communicate(timeout=60)
    assert "0 created, 1,000 replayed, 0 replaced, 3 failed" in out
    assert listed(rest) == listed(err)
    assert_all_there_once(engine)


def listed(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("row ")]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_killed_command_goes_on_and_does_no_part_again(
    cluster: Cluster, engine: sa.Engine, database_url: str, file: Path
) -> None:
    with on_ray(database_url, file, cluster) as first:
        wait_for_parts(first, file, 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
    # A worker may have been at its last words.
    time.sleep(1)
    before = done(file)
    with read(engine) as conn:
        assert not conn.scalar(sa.select(sa.func.count()).select_from(comment))
    with on_ray(database_url, file, cluster) as second:
        out, err = second.communicate(timeout=240)
    assert "1,000 created, 0 replayed, 0 replaced, 3 failed" in out, err
    after = done(file)
    assert 2 <= len(before) < len(after)
    assert {name: after[name] for name in before} == before
    assert not set(file.parent.glob("parts/*/*")) - set(file.parent.glob("parts/*/analyses-*"))
    assert_all_there_once(engine)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process, parent and command line of all there are."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        yield int(folder.name), int(parent), line
