"""`listenwell serve` as a process: started, asked, stopped with SIGTERM."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

from models import InputError
from service.commands import supervise
from service.commands.serve import serve
from service.database import migrate, open_engine
from tests.keys import bearer, make_key
from tests.ports import free_port, is_free

ROOT = Path(__file__).parents[2]
BENTOML_OWN = ["/livez", "/schema.json", "/docs.json", "/static_content/index.css", "/encode"]
OURS = ["/", "/docs", "/openapi.json", "/metrics", "/v1/comments", "/nothing"]


def environment_of(folder: Path) -> dict[str, str]:
    """What a server is started with."""
    return os.environ | {
        "LISTENWELL_MODEL": "weightless",
        "LISTENWELL_DATABASE_URL": "sqlite:///here.db",  # relative: it must lie where the command was typed
        "PYTHONPATH": str(ROOT),  # this tree, whichever is installed
    }


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A server with two workers, and where it listens; at the end it is stopped, and must stop cleanly."""
    port = free_port()
    environment = environment_of(folder)
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(port), "--workers", "2"]
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process)
            yield url, process
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=20)
    text = log.read_text(encoding="utf-8", errors="replace")
    assert status == 0, text
    assert "Traceback" not in text


@pytest.mark.slow
def test_it_serves_and_stops_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, process):
        body = {"comments": [{"id": "a", "text": "Agent was kind but nobody ever fixed my bill."}]}
        (result,) = httpx2.post(f"{url}/v1/comments", json=body, timeout=20).json()["results"]
        assert result["outcome"] == "created"
        # Both workers read the one database.
        assert {httpx2.get(f"{url}/v1/comments/a").status_code for _ in range(8)} == {200}
        # And each answers for what all have counted.
        told = httpx2.get(f"{url}/metrics").text
        assert 'requests_total{method="GET",route="/v1/comments/{id:path}",status="200"} 8.0' in told
        # And so does the worker beside them.
        rows = b"".join(b'{"id":"j%d","text":"The app crashes."}\n' % number for number in range(100))
        job = httpx2.post(f"{url}/v1/jobs?format=jsonl", content=rows, timeout=20)
        assert job.status_code == 202, job.text
        assert wait_until_done(url + job.headers["location"])["counts"]["created"] == 100
        # Which is in a session of its own: it must take none of the processor's time from that of the server.
        (worker,) = (one for one in psutil.Process(process.pid).children() if "worker" in one.cmdline())
        assert os.getsid(worker.pid) == worker.pid != os.getsid(process.pid)
        assert "All comments" in httpx2.get(url, headers={"accept": "text/html"}).text
        # A page of another site that had its name resolved to this machine.
        answer = httpx2.get(f"{url}/v1/comments/a", headers={"host": "evil.example"})
        assert answer.json()["code"] == "insecure_address"
    assert "There is no key" in (tmp_path / "log").read_text()
    assert (tmp_path / "here.db").exists()
    assert (tmp_path / "here.db-files").exists()


def wait_until_done(job: str) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found: dict[str, Any] = httpx2.get(job, timeout=20).json()
        if found["state"] == "done":
            return found
        time.sleep(0.2)
    raise AssertionError(found)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.2])
def test_it_stops_at_once_where_it_has_only_just_begun(tmp_path: Path, after: float) -> None:
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(free_port()), "--workers", "2"]
    environment = environment_of(tmp_path)
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as process:
        while len(psutil.Process(process.pid).children()) < 2:
            time.sleep(0.002)
        time.sleep(after)
        process.send_signal(signal.SIGTERM)
        # A child that took it for somebody else's would be killed after half a minute.
        assert process.wait(timeout=20) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_what_a_killed_launcher_leaves_behind_ends_and_frees_the_port(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "models.command", "serve", "--port", str(port), "--workers", "1"]
    environment = environment_of(tmp_path)
    with (
        (tmp_path / "log").open("wb") as out,
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT
        ) as process,
    ):
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        below = []
        # The one that answers, and a worker that has only just been started: it cannot know yet that it should watch.
        while len(below) < 2:
            below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _, alive = psutil.wait_procs(below, timeout=10)
    for one in alive:
        one.kill()
    assert below
    assert not alive
    assert is_free(port)


@pytest.mark.slow
def test_with_a_key_nothing_is_open_and_nothing_is_told_to_the_log(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'here.db'}")
    migrate(engine)
    key = make_key(engine, "admin", requests_per_minute=10_000)
    with serving(tmp_path) as (url, process):
        for path in BENTOML_OWN + OURS:
            answer = httpx2.get(url + path)
            assert answer.status_code == 401, path
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert httpx2.post(f"{url}/encode", json={"requests": []}).status_code == 401
        for path in BENTOML_OWN:
            assert httpx2.get(url + path, headers=bearer(key)).status_code == 404, path
        assert {httpx2.get(url + path).status_code for path in ("/healthz", "/readyz")} == {200}
        body = {"comments": [{"id": "a", "text": "Checkout was easy."}]}
        assert (
            httpx2.post(f"{url}/v1/comments", json=body, headers=bearer(key), timeout=20).status_code == 200
        )
        # Both workers count on the one sheet.
        left = [
            int(httpx2.get(f"{url}/v1/limits", headers=bearer(key)).headers["ratelimit-remaining"])
            for _ in range(8)
        ]
        assert sorted(left, reverse=True) == left
        assert len(set(left)) == 8
        assert httpx2.post(f"{url}/sign-in", data={"key": key}).status_code == 303
        assert listening(process) == {int(url.rsplit(":", 1)[1])}
    log = (tmp_path / "log").read_text()
    assert "It asks for a key" in log
    assert key.split("_", 2)[2] not in log
    engine.dispose()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::"])
def test_without_a_key_no_other_address_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{tmp_path / 'a.db'}")
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    with pytest.raises(InputError, match="listenwell keys create") as caught:
        CliRunner().invoke(serve, ["--host", host], catch_exceptions=False)
    assert caught.value.code == "insecure_address"


def listening(process: "subprocess.Popen[bytes]") -> set[int]:
    """The TCP ports on which a process or one of its children listens."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return {
        connection.laddr.port
        for one in family
        for connection in one.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


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


def test_an_operators_folder_of_metrics_stays_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert supervise._one_set_of_metrics() is None
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    own = supervise._one_set_of_metrics()
    assert own == os.environ["PROMETHEUS_MULTIPROC_DIR"]
    shutil.rmtree(own)
