"""A challenger that reads along: what it finds, that it delays nobody, what erasure takes of it; on both databases."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models import ArtifactError, InputError, TaxonomyError
from models.command import main
from service.app import create_app
from service.database import read
from service.settings import Settings
from service.shadow import reading, repository, starting
from service.shadow.answers import ShadowOut
from service.shadow.tables import shadow_change, shadow_reading
from service.statistics import wilson
from tests.keys import bearer, make_key
from tests.spoilt import changed, with_thresholds

TEXT = "Agent was kind but nobody ever fixed my bill."


@pytest.fixture(scope="session")
def eager(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds every label in everything."""
    return with_thresholds(tiny_artifact, tmp_path_factory.mktemp("eager") / "model", 0.0)


@pytest.fixture
def settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(reading, "EVERY_SECONDS", 0.02)
    return Settings(model="weightless", database_url=database_url, audit_rate=0)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def begin(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Let a model read along, and wait until the process that answers has it."""
    loaded = threading.Event()
    load = reading.Shadow._load

    def noted(self: reading.Shadow, found: repository.Challenger) -> None:
        load(self, found)
        loaded.set()

    monkeypatch.setattr(reading.Shadow, "_load", noted)

    def begin(model: Path, **more: Any) -> str:
        loaded.clear()
        version = starting.start(engine, settings, str(model), actor="anna", **more)
        assert loaded.wait(30)
        return version

    return begin


def send(client: TestClient, *ids: str, **fields: Any) -> None:
    comments = [{"id": id, "text": TEXT} | fields for id in ids]
    answer = client.post("/v1/comments", json={"comments": comments})
    assert {one["model_version"] for one in answer.json()["results"]} == {"weightless-1"}


def told(client: TestClient) -> dict[str, Any]:
    answer = client.get("/v1/models/shadow").json()
    ShadowOut.model_validate(answer)
    return dict(answer)


def rows(engine: Engine) -> tuple[int, int]:
    with read(engine) as conn:
        counts = [
            conn.scalar(sa.select(sa.func.count()).select_from(t)) for t in (shadow_reading, shadow_change)
        ]
    return counts[0] or 0, counts[1] or 0


def dropped(engine: Engine) -> int:
    with read(engine) as conn:
        found = repository.newest(conn)
    return 0 if found is None else found.dropped


def disputed(client: TestClient) -> list[dict[str, Any]]:
    answer = client.get("/v1/review", params={"stream": "disputed", "annotator": "bo"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_it_answers_nobody_and_its_disagreements_are_counted_and_reviewed(
    client: TestClient, eager: Path, begin: Callable[..., str]
) -> None:
    assert told(client)["challenger"] is None
    send(client, "early")
    version = begin(eager)
    send(client, "c1", "c2", "c3")
    client.post("/v1/analyze", json={"comments": [{"text": TEXT}]})
    wait(lambda: told(client)["comments"] == 3)
    found = told(client)
    assert (found["challenger"]["version"], found["challenger"]["stopped"]) == (version, None)
    assert found["in_force"] == "weightless-1"
    share = wilson(3, 3)
    assert found["changed"] == {"count": 3, "rate": 1.0, "ci95": [round(share.low, 4), 1.0]}
    theirs = {"unresolved_issue", "caring_treatment"}
    by_id = {one["id"]: one for one in found["labels"]}
    assert not theirs & set(by_id) or all(by_id[one]["gained"] == 0 for one in theirs & set(by_id))
    assert all((one["gained"], one["lost"], one["rate"]) == (3, 0, 1.0) for one in by_id.values())
    assert "early" not in json.dumps(disputed(client))
    asked = disputed(client)
    assert {one["id"] for one in asked} == {"c1", "c2", "c3"}
    assert set(asked[0]["disputes"].values()) == {"challenger"}
    assert "another model differs" in client.get("/review?stream=disputed&annotator=bo").text


def test_the_same_again_is_not_read_and_another_text_is_read_anew(
    client: TestClient, engine: Engine, eager: Path, begin: Callable[..., str]
) -> None:
    begin(eager)
    send(client, "c1")
    wait(lambda: rows(engine)[0] == 1)
    send(client, "c1")
    with read(engine) as conn:
        before = conn.execute(sa.select(shadow_change.c.label)).all()
    send(client, "c1", text="Checkout was easy.")
    wait(lambda: told(client)["comments"] == 1)
    with read(engine) as conn:
        assert conn.execute(sa.select(shadow_change.c.label)).all() != before


def test_erasure_takes_it_along(
    client: TestClient,
    engine: Engine,
    eager: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[..., str],
) -> None:
    begin(eager)
    send(client, "c1", "c2")
    wait(lambda: rows(engine)[0] == 2)
    assert client.delete("/v1/comments/c1").status_code == 204
    assert rows(engine) == (1, rows(engine)[1])
    assert {one["id"] for one in disputed(client)} == {"c2"}
    # Erased while it is being read.
    reads, erased = threading.Event(), threading.Event()
    analyze = models.Pipeline.analyze

    def slow(self: models.Pipeline, comments: Any, **more: Any) -> Any:
        if threading.current_thread().name == "shadow":
            reads.set()
            assert erased.wait(10)
        return analyze(self, comments, **more)

    monkeypatch.setattr(models.Pipeline, "analyze", slow)
    send(client, "c3")
    assert reads.wait(10)
    assert client.delete("/v1/comments/c3").status_code == 204
    assert client.delete("/v1/comments/c2").status_code == 204
    erased.set()
    send(client, "c4")
    wait(lambda: told(client)["comments"] == 1)
    assert {one["id"] for one in disputed(client)} == {"c4"}


def test_a_slow_challenger_delays_nobody_and_drops(
    client: TestClient,
    engine: Engine,
    eager: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[..., str],
) -> None:
    monkeypatch.setattr(reading, "MOST_WAITING", 4)
    begin(eager)
    go = threading.Event()
    analyze = models.Pipeline.analyze

    def stuck(self: models.Pipeline, comments: Any, **more: Any) -> Any:
        if threading.current_thread().name == "shadow":
            assert go.wait(20)
        return analyze(self, comments, **more)

    monkeypatch.setattr(models.Pipeline, "analyze", stuck)
    started = time.monotonic()
    for number in range(30):
        send(client, f"c{number}")
    assert time.monotonic() - started < 10
    go.set()

    wait(lambda: dropped(engine) + told(client)["comments"] == 30)
    assert dropped(engine) >= 20


def test_one_that_fails_is_told_to_the_log_alone(
    client: TestClient,
    engine: Engine,
    eager: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    begin: Callable[..., str],
) -> None:
    begin(eager)
    analyze = models.Pipeline.analyze

    def broken(self: models.Pipeline, comments: Any, **more: Any) -> Any:
        if threading.current_thread().name == "shadow":
            raise RuntimeError(comments[0].text)
        return analyze(self, comments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(models.Pipeline, "analyze", broken)
        send(client, "c1")
        wait(lambda: "the challenger failed" in caplog.text)
    assert TEXT not in caplog.text
    send(client, "c2")
    wait(lambda: told(client)["comments"] == 1)
    # What it failed on was not read: it counts as dropped.
    wait(lambda: dropped(engine) == 1)


def test_its_categories_are_compared(make_analysis: Callable[..., models.Analysis]) -> None:
    found = (models.Mention("parking", "parking", 0.9, 0.5, ()),)
    analysis = replace(make_analysis(issues=["poor_communication"]), categories=found)
    assert reading._labels(analysis) == {"poor_communication", "parking"}


def test_stopped_it_reads_no_more_and_its_disputes_go(
    client: TestClient, engine: Engine, eager: Path, begin: Callable[..., str]
) -> None:
    begin(eager)
    send(client, "c1")
    wait(lambda: told(client)["comments"] == 1)
    assert starting.stop(engine)
    assert not starting.stop(engine)
    assert disputed(client) == []
    send(client, "c2")
    time.sleep(0.3)
    found = told(client)
    assert found["comments"] == 1
    assert found["challenger"]["stopped"] is not None


def test_what_people_dispute_comes_first(
    client: TestClient, engine: Engine, eager: Path, begin: Callable[..., str]
) -> None:
    begin(eager)
    send(client, "c1", "c2")
    wait(lambda: told(client)["comments"] == 2)
    said = {"labels": {"add": ["poor_communication"], "remove": ["unresolved_issue"]}, "actor": "anna"}
    assert client.post("/v1/comments/c3/corrections", json=said).status_code == 404
    starting.stop(engine)
    send(client, "c3")
    assert client.post("/v1/comments/c3/corrections", json=said).status_code == 200
    assert [one["id"] for one in disputed(client)] == ["c3"]
    begin(eager)
    send(client, "c0")
    wait(lambda: told(client)["comments"] == 1)
    assert [one["id"] for one in disputed(client)] == ["c3", "c0"]


def test_masked_comments_are_read_masked(
    database_url: str, eager: Path, monkeypatch: pytest.MonkeyPatch, begin: Callable[..., str]
) -> None:
    seen: list[str] = []
    analyze = models.Pipeline.analyze

    def listen(self: models.Pipeline, comments: Any, **more: Any) -> Any:
        if threading.current_thread().name == "shadow":
            seen.extend(one.text for one in comments)
        return analyze(self, comments, **more)

    monkeypatch.setattr(models.Pipeline, "analyze", listen)
    masked = Settings(model="weightless", database_url=database_url, audit_rate=0, mask="email")
    with TestClient(create_app(masked)) as client:
        begin(eager)
        send(client, "c1", text="Write to jo@example.com about my bill.")
        wait(lambda: told(client)["comments"] == 1)
    assert any("[email" in text for text in seen)
    assert not any("example.com" in text for text in seen)


def test_of_one_tenant(engine: Engine, settings: Settings, eager: Path, begin: Callable[..., str]) -> None:
    keys = {name: bearer(make_key(engine, "write", "read", tenant=name)) for name in ("ours", "theirs")}
    with TestClient(create_app(settings)) as client:
        begin(eager, tenant="ours")
        for name, headers in keys.items():
            comments = [{"id": name, "text": TEXT}]
            client.post("/v1/comments", json={"comments": comments}, headers=headers)
        answers = {}

        def seen() -> bool:
            for name, headers in keys.items():
                answers[name] = client.get("/v1/models/shadow", headers=headers).json()
            return bool(answers["ours"]["comments"])

        wait(seen)
    assert rows(engine)[0] == 1
    assert (answers["ours"]["comments"], answers["theirs"]["comments"]) == (1, 0)
    assert answers["theirs"]["challenger"] is None


def test_what_cannot_be_a_challenger(engine: Engine, settings: Settings, eager: Path, tmp_path: Path) -> None:
    def refused(given: str) -> str:
        with pytest.raises((InputError, ArtifactError, TaxonomyError)) as caught:
            starting.start(engine, settings, given, actor="anna")
        return caught.value.code

    other = changed(eager, tmp_path / "other", "taxonomy.json", lambda found: found | {"version": "cx-9"})
    assert refused("lw-000000000000") == "unknown_model"
    assert refused("weightless") == "already_in_force"
    assert refused(str(other)) == TaxonomyError("").code
    assert refused(str(tmp_path)) == ArtifactError("").code
    with read(engine) as conn:
        assert repository.newest(conn) is None


def test_the_command(database_url: str, eager: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["models", "shadow", *arguments])
        assert done.exit_code == status, done.output
        return done.output

    assert "no challenger has read" in run()
    assert "no challenger was reading" in run("--stop")
    assert "reads along" in run(str(eager), "--actor", "anna", "--tenant", "shop")
    assert "no challenger has read" in run()
    assert "0 comments read" in run("--tenant", "shop")
    assert run("--stop") == "stopped\n"
    run("--stop", "--tenant", "shop", status=2)
    run("weightless", status=2)
