"""`listenwell webhooks`, `deliver`, `erase` and `retention` as they are typed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.command import main
from service.events import outbox
from tests.receiver import Receiver, receiving

COMMENT = {
    "id": "c1",
    "text": "Checkout was easy.",
    "customer_id": "u1",
    "occurred_at": "2020-01-01T00:00:00Z",
}


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a database of its own, the weightless model, and receivers on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{tmp_path / 'cli.db'}")
    monkeypatch.setenv("LISTENWELL_WEBHOOKS_ALLOW_PRIVATE", "true")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def backfill(*ids: str) -> None:
    Path("in.jsonl").write_text(
        "".join(json.dumps(COMMENT | {"id": id}) + "\n" for id in ids), encoding="utf-8"
    )
    assert run("backfill", "in.jsonl").exit_code == 0


def test_a_webhooks_life(receiver: Receiver) -> None:
    added = run("webhooks", "add", receiver.url, "--event", "comment.deleted")
    assert added.exit_code == 0
    id, secret = added.stdout.split()[0], added.stdout.split()[-1]
    assert secret.startswith("whsec_")
    listed = run("webhooks", "list", "--json")
    assert secret not in listed.stdout
    assert json.loads(listed.stdout) | {
        "id": id,
        "url": receiver.url,
        "waiting": 0,
        "active": True,
    } == json.loads(listed.stdout)
    assert run("webhooks", "test", id).stdout.strip().endswith("HTTP 204")
    assert receiver.types() == ["webhook.test"]
    receiver.status = 500
    failed = run("webhooks", "test", id)
    assert (failed.exit_code, failed.stdout.strip()) == (1, f"{receiver.url}: HTTP 500")
    rotated = run("webhooks", "rotate", id, "--grace", "1").stdout.split()[-1]
    assert rotated.startswith("whsec_")
    assert rotated != secret
    assert "rotation_under_way" in run("webhooks", "rotate", id).stderr
    assert run("webhooks", "rotate", id, "--grace", "0").exit_code == 0
    assert run("webhooks", "enable", id).exit_code == 0
    assert run("webhooks", "remove", id, "--tenant", "other").exit_code == 2
    assert run("webhooks", "remove", id).exit_code == 0
    assert run("webhooks", "list").stdout == ""
    assert "unknown_webhook" in run("webhooks", "test", id).stderr


def test_an_event_that_there_is_not_is_refused_by_name(receiver: Receiver) -> None:
    refused = run("webhooks", "add", receiver.url, "--event", "comment.read")
    assert refused.exit_code == 2
    assert "'comment.read' is not one of" in refused.stderr
    for type in outbox.TYPES:
        assert type in refused.stderr
    assert run("webhooks", "list").stdout == ""


def test_private_addresses_need_the_setting(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.delenv("LISTENWELL_WEBHOOKS_ALLOW_PRIVATE")
    refused = run("webhooks", "add", receiver.url)
    assert (refused.exit_code, "invalid_webhook" in refused.stderr) == (2, True)


def test_erase_is_safe_to_run_twice() -> None:
    backfill("c1", "c2", "c3")
    assert run("erase", "--comment", "c1").stdout == "1 erased\n"
    assert run("erase", "--customer", "u1", "--tenant", "other").stdout == "0 erased\n"
    assert run("erase", "--customer", "u1").stdout == "2 erased\n"
    assert run("erase", "--customer", "u1").stdout == "0 erased\n"


@pytest.mark.parametrize("options", [(), ("--customer", "a", "--comment", "b"), ("--customer", "")])
def test_erase_needs_to_know_what(options: tuple[str, ...]) -> None:
    assert run("erase", *options).exit_code == 2


def test_retention_is_set_shown_enforced_and_lifted() -> None:
    backfill("c1", "c2")
    assert run("retention", "set", "365").exit_code == 0
    assert run("retention", "show").stdout == "default: 365 days\n"
    assert run("retention", "enforce").stdout == "2 erased\n"
    assert run("retention", "unset").exit_code == 0
    assert run("retention", "show").stdout == ""
    assert run("retention", "set", "0").exit_code == 2


@pytest.mark.slow
def test_the_deliverer_delivers_keeps_house_and_stops_cleanly(receiver: Receiver) -> None:
    run("webhooks", "add", receiver.url)
    run("retention", "set", "365")
    backfill("c1")
    environment = os.environ | {"LISTENWELL_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "models.command", "deliver"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while "comment.deleted" not in receiver.types() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=15)
    assert process.returncode == 0, log
    assert receiver.types()[-1] == "comment.deleted"
    assert "retention: 1 comments erased" in [json.loads(line)["message"] for line in log.splitlines()]
