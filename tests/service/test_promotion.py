"""Which model is in force: promoted, rolled back, refused, decided twice at once, followed by those who run."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from starlette.testclient import TestClient

import models
from models import ArtifactError, InputError, TaxonomyError
from models.command import main
from service.app import create_app
from service.database import read
from service.promotion import following, repository
from service.promotion.choice import choice
from service.promotion.following import Following
from service.promotion.promoting import By, promote, roll_back
from service.settings import Settings
from tests.spoilt import changed, with_thresholds

ANNA = By("anna", "measured by hand")
TEXTS = [{"text": f"Agent {number} was kind but nobody fixed my bill."} for number in range(60)]


@pytest.fixture(scope="session")
def folders(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three models of three versions."""
    folder = tmp_path_factory.mktemp("three")
    return [
        with_thresholds(tiny_artifact, folder / name, at) for name, at in (("a", 0.4), ("b", 0.5), ("c", 0.6))
    ]


@pytest.fixture
def versions(folders: list[Path]) -> list[str]:
    return [json.loads((folder / "manifest.json").read_text())["version"] for folder in folders]


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


@pytest.fixture
def put(engine: Engine, settings: Settings) -> Callable[[Path | str], repository.Promotion]:
    """Promote, against the gate."""
    return lambda given: promote(engine, settings, str(given), by=ANNA, override=True)


def in_force(engine: Engine) -> str | None:
    with read(engine) as conn:
        found = repository.current(conn)
    return found and found.version


def report(a: str, b: str, *refusals: str) -> dict[str, Any]:
    return {
        "a": {"version": a},
        "b": {"version": b},
        "gate": {"refusals": [{"detail": one} for one in refusals]},
    }


def test_back_through_all_that_was_promoted(
    engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str]
) -> None:
    shipped = models.loading.facts_of("default").version  # type: ignore[attr-defined]
    assert choice(engine, settings).name == "default"
    for folder in folders:
        put(folder)
    back = [roll_back(engine, settings, by=ANNA).version for _ in range(2)]
    put(folders[2])
    back += [roll_back(engine, settings, by=ANNA).version for _ in range(2)]
    assert back == [versions[1], versions[0], versions[0], shipped]
    assert choice(engine, settings).name == "default"
    with pytest.raises(InputError) as caught:
        roll_back(engine, settings, by=ANNA)
    assert caught.value.code == "nothing_to_roll_back"
    with read(engine) as conn:
        assert [one.action for one in reversed(repository.history(conn))] == [
            *["promote"] * 3, "rollback", "rollback", "promote", "rollback", "rollback"
        ]  # fmt: skip


def test_the_gate_lets_pass_or_a_reason_does(
    engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str]
) -> None:
    put(folders[0])
    a, b, c = versions
    for given, why in [
        (None, "no comparison"),
        (report(a, c), f"compares {a} with {c}"),
        (report(a, b, "issues macro-F1: worse", "slow"), "issues macro-F1: worse; slow"),
    ]:
        with pytest.raises(InputError, match=why) as caught:
            promote(engine, settings, str(folders[1]), by=By("bo"), report=given)
        assert caught.value.code == "promotion_refused"
    assert in_force(engine) == a
    passed = promote(engine, settings, str(folders[1]), by=By("bo"), report=report(a, b))
    assert (passed.gate, passed.actor, passed.reason) == ({"passed": True, "refusals": []}, "bo", None)
    forced = promote(engine, settings, a, by=ANNA, report=report(b, a, "slow"), override=True)
    assert (forced.gate, forced.reason) == ({"passed": False, "refusals": ["slow"]}, "measured by hand")
    with pytest.raises(InputError, match="not one of") as caught:
        promote(engine, settings, b, by=ANNA, report={"systems": []})
    assert caught.value.code == "invalid_report"


def test_what_is_unsound_is_refused(
    engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str], tmp_path: Path
) -> None:
    put(folders[0])
    with pytest.raises(InputError) as unknown:
        put("lw-000000000000")
    assert unknown.value.code == "unknown_model"
    with pytest.raises(InputError) as again:
        put(folders[0])
    assert again.value.code == "already_in_force"
    altered = with_thresholds(folders[0], tmp_path / "altered", 0.7)
    (altered / "thresholds.json").write_text((altered / "thresholds.json").read_text().replace("0.7", "0.1"))
    with pytest.raises(ArtifactError, match=r"thresholds\.json was altered"):
        put(altered)
    other = changed(
        folders[0], tmp_path / "other", "taxonomy.json", lambda found: found | {"version": "cx-9"}
    )
    with pytest.raises(TaxonomyError, match="cx-9"):
        put(other)
    assert in_force(engine) == versions[0]


def test_a_folder_that_holds_another_model_by_now_is_refused(
    engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str], tmp_path: Path
) -> None:
    moved = with_thresholds(folders[0], tmp_path / "moved", 0.7)
    version = put(moved).version
    put(folders[0])
    moved.rename(tmp_path / "gone")
    with pytest.raises(ArtifactError, match="no such folder"):
        roll_back(engine, settings, by=ANNA)
    with_thresholds(folders[0], moved, 0.8)
    for attempt in (lambda: put(version), lambda: roll_back(engine, settings, by=ANNA)):
        with pytest.raises(ArtifactError, match="now, and"):
            attempt()
    assert in_force(engine) == versions[0]
    # Named by its new place it is the model that it was.
    assert put(tmp_path / "gone").version == version


def test_of_two_at_once_one_wins(
    engine: Engine, put: Any, folders: list[Path], versions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=20)
    said: list[str] = []

    def one(folder: Path) -> None:
        try:
            said.append(put(folder).version)
        except InputError as error:
            said.append(error.code)

    load = models.load

    def together(*given: Any, **more: Any) -> models.Pipeline:
        # Both have looked at what is in force, and neither has decided.
        both.wait()
        return load(*given, **more)

    monkeypatch.setattr(models, "load", together)
    threads = [threading.Thread(target=one, args=(folder,)) for folder in folders[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner, loser = sorted(said)
    assert loser == "promotion_conflict"
    assert in_force(engine) == winner in versions


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.1)


@pytest.fixture
def client(quick: None, settings: Settings, put: Any, folders: list[Path]) -> Iterator[TestClient]:
    put(folders[0])
    with TestClient(create_app(settings)) as client:
        yield client


def versions_of(client: TestClient) -> set[str]:
    answer = client.post("/v1/analyze", json={"comments": TEXTS})
    return {one["model_version"] for one in answer.json()["results"]}


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_running_process_switches_and_no_answer_is_of_two(
    client: TestClient, engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str]
) -> None:
    assert versions_of(client) == {versions[0]}
    promoted = put(folders[1])
    seen = [versions_of(client)]
    wait(lambda: seen.append(versions_of(client)) or seen[-1] == {versions[1]})  # type: ignore[func-returns-value]
    assert all(len(one) == 1 for one in seen)
    told = client.get("/v1/models").json()
    assert told["models"][0]["version"] == told["promoted"]["version"] == promoted.version
    assert set(told["models"][0]["thresholds"].values()) == {0.5}
    assert {one["version"] for one in told["registered"]} == set(versions[:2])
    roll_back(engine, settings, by=ANNA)
    wait(lambda: versions_of(client) == {versions[0]})


def test_what_cannot_be_loaded_is_told_and_the_old_one_stays(
    client: TestClient,
    put: Any,
    folders: list[Path],
    versions: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = put(folders[1]).version
    wait(lambda: versions_of(client) == {version})
    here = with_thresholds(folders[0], tmp_path / "here", 0.7)
    # As where a folder is on one machine and not on the other.
    load = models.load
    with pytest.MonkeyPatch.context() as patch:
        absent: list[str] = []

        def elsewhere(name: str, **more: Any) -> models.Pipeline:
            if threading.current_thread().name == "models":
                absent.append(name)
                raise ArtifactError(f"model {name}: no such folder")
            return load(name, **more)

        patch.setattr(models, "load", elsewhere)
        new = put(here).version
        wait(lambda: bool(client.get("/v1/models").json()["fault"]))
        told = client.get("/v1/models").json()
        assert told["fault"] == {"version": new, "code": "invalid_artifact"}
        assert told["models"][0]["version"] == version != told["promoted"]["version"]
        assert versions_of(client) == {version}
        assert str(here) in caplog.text
        assert str(here) not in json.dumps(told)
    # The folder has come: it is tried again by itself.
    wait(lambda: versions_of(client) == {new})
    assert client.get("/v1/models").json()["fault"] is None


def test_a_setting_goes_before_the_store(
    quick: None, database_url: str, put: Any, folders: list[Path]
) -> None:
    put(folders[0])
    with TestClient(create_app(Settings(database_url=database_url, model="weightless"))) as client:
        put(folders[1])
        time.sleep(0.3)
        told = client.get("/v1/models").json()
        assert (told["pinned"], told["promoted"]) == (True, None)
        assert versions_of(client) == {told["models"][0]["version"]} == {models.load("weightless").version}


def test_a_job_goes_on_with_the_new_one(
    quick: None, engine: Engine, settings: Settings, put: Any, folders: list[Path], versions: list[str]
) -> None:
    put(folders[0])
    tagger = Following(engine, settings)
    comments = [models.Comment(one["text"]) for one in TEXTS]
    before = {one.model_version for one in tagger(comments)}
    put(folders[1])
    time.sleep(0.1)
    assert (before, {one.model_version for one in tagger(comments)}) == ({versions[0]}, {versions[1]})


def test_the_commands(
    database_url: str,
    folders: list[Path],
    versions: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.delenv("LISTENWELL_MODEL", raising=False)

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["models", *arguments])
        assert done.exit_code == status, done.output
        return done.output

    assert "promotion_refused" in run("promote", str(folders[0]), status=2)
    run("promote", str(folders[0]), "--override", " ", status=2)
    run("promote", str(folders[0]), "--override", "the first one", "--actor", "anna")
    file = tmp_path / "report.json"
    file.write_text("{")
    assert "invalid_report" in run("promote", str(folders[1]), "--report", str(file), status=2)
    file.write_text(json.dumps(report(versions[0], versions[1])))
    run("promote", str(folders[1]), "--report", str(file), "--actor", "bo")
    found = json.loads(run("list", "--json"))
    states = {one["version"]: (one["state"], one["by"]) for one in found["models"]}
    assert states[versions[1]] == ("in_force", "bo")
    assert states[versions[0]] == ("retired", None)
    assert [one["reason"] for one in found["promotions"]] == [None, "the first one"]
    run("rollback", "--reason", "it was worse")
    assert versions[0] in run("list")
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    assert "LISTENWELL_MODEL is set" in run("list")
