"""`listenwell serve` as a process: started, asked, stopped with SIGTERM."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_it_serves_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {
        "LISTENWELL_MODEL": "weightless",
        "LISTENWELL_DATABASE_URL": "sqlite:///here.db",  # relative: it must lie where the command was typed
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(port), "--workers", "2"]
    log = tmp_path / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process)
            body = {"comments": [{"id": "a", "text": "Agent was kind but nobody ever fixed my bill."}]}
            (result,) = httpx2.post(f"{url}/v1/comments", json=body, timeout=20).json()["results"]
            assert result["outcome"] == "created"
            # Both workers read the one database.
            assert {httpx2.get(f"{url}/v1/comments/a").status_code for _ in range(8)} == {200}
            # And so does the worker beside them.
            rows = b"".join(b'{"id":"j%d","text":"The app crashes."}\n' % number for number in range(100))
            job = httpx2.post(f"{url}/v1/jobs?format=jsonl", content=rows, timeout=20)
            assert job.status_code == 202, job.text
            assert wait_until_done(url + job.headers["location"])["counts"]["created"] == 100
            assert "All comments" in httpx2.get(url, headers={"accept": "text/html"}).text
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=20)
    text = log.read_text(encoding="utf-8", errors="replace")
    assert status == 0, text
    assert "There is no key" in text
    assert "Traceback" not in text
    assert (tmp_path / "here.db").exists()
    assert (tmp_path / "here.db-files").exists()


def wait_until_done(job: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found: dict[str, Any] = httpx2.get(job, timeout=20).json()
        if found["state"] == "done":
            return found
        time.sleep(0.2)
    raise AssertionError(found)


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server did not become ready")
