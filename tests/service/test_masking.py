"""With LISTENWELL_MASK personal data is gone before anything is stored, told or logged, by every door."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

import models
from models.command import main
from models.masking import masker as masking
from service import repository
from service.analyse import Desk, analyze
from service.app import create_app
from service.database import read, write
from service.jobs.worker import Worker
from service.privacy.erasing import erase_customer
from service.records import Outdated
from service.settings import Settings
from service.tables import metadata
from tests.recount import assert_exact

SECRETS = ("Janelle", "j.moss@example.com", "555-0147", "4111 1111 1111 1111")
TEXT = "👍 Janelle was kind but nobody ever fixed my bill, mail j.moss@example.com or call 212-555-0147."
ITEM = {
    "id": "c1",
    "text": TEXT,
    "question": "How was Janelle?",
    "customer_id": "u-1",
    "metadata": {"agent": "a7"},
}


@pytest.fixture
def masked_settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        model="weightless", database_url=database_url, files=tmp_path, mask="all", webhooks_allow_private=True
    )


@pytest.fixture
def desk(engine: sa.Engine, pipeline: models.Pipeline, masked_settings: Settings) -> Desk:
    return Desk(engine, pipeline.analyze, masked_settings)


@pytest.fixture
def client(masked_settings: Settings, pipeline: models.Pipeline) -> Iterator[TestClient]:
    with TestClient(create_app(masked_settings, pipeline.analyze)) as client:
        yield client


def everything(engine: sa.Engine) -> str:
    with read(engine) as conn:
        return str([conn.execute(sa.select(table)).all() for table in metadata.sorted_tables])


def assert_evidence_fits(analysis: dict[str, Any], text: str) -> None:
    quotes = [quote for key in ("issues", "strengths") for one in analysis[key] for quote in one["evidence"]]
    assert quotes
    assert all(text[quote["start"] : quote["end"]] == quote["text"] for quote in quotes)


def test_what_is_stored_is_masked_and_evidence_fits_it(engine: sa.Engine, desk: Desk) -> None:
    (result,) = desk.record([ITEM]).results
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
    assert stored
    text = stored.record.text
    assert len(text) == len(TEXT)
    assert text.startswith("👍 [name_] was kind but")
    assert_evidence_fits(result, text)
    assert stored.analysis["masked"] == json.loads(json.dumps(result["masked"]))
    for mask in result["masked"]:
        if mask["field"] == "text":
            assert text[mask["start"] : mask["end"]][1:3] == mask["kind"][:2]
            assert TEXT[mask["start"] : mask["end"]] not in text
    assert stored.record.question == "How was [name_]?"
    assert (stored.record.customer_id, stored.record.metadata) == ("u-1", {"agent": "a7"})
    assert not any(secret in everything(engine) for secret in SECRETS)


def test_the_same_again_replays_and_is_counted_once(engine: sa.Engine, desk: Desk) -> None:
    outcomes = [desk.record([ITEM]).results[0]["outcome"] for _ in range(2)]
    other = desk.record([ITEM | {"text": TEXT.replace("kind", "rude")}]).results[0]
    assert [*outcomes, other["outcome"]] == ["created", "replayed", "replaced"]
    with read(engine) as conn:
        assert_exact(conn)
        assert {t.measure: t.value for t in repository.totals(conn, "default", "*")}["n"] == 1


def test_what_was_kept_in_clear_is_replaced_when_sent_again(
    engine: sa.Engine, desk: Desk, pipeline: models.Pipeline
) -> None:
    Desk(engine, pipeline.analyze, Settings(model="weightless")).record([ITEM])
    assert "Janelle" in everything(engine)
    assert desk.record([ITEM]).results[0]["outcome"] == "replaced"
    assert not any(secret in everything(engine) for secret in SECRETS)


def test_a_rescore_keeps_what_is_said_of_masks(
    engine: sa.Engine, desk: Desk, pipeline: models.Pipeline
) -> None:
    masked = desk.record([ITEM]).results[0]["masked"]
    with write(engine) as conn:
        stored = repository.get(conn, "default", "c1")
        assert stored
        old = repository.outdated(conn, "default", "another", 10, 0)
        assert [type(one) for one in old] == [Outdated]
        repository.reanalyze(conn, [(old[0], pipeline.analyze([models.Comment(stored.record.text)])[0])])
    with read(engine) as conn:
        again = repository.get(conn, "default", "c1")
    assert again
    assert again.analysis["masked"] == json.loads(json.dumps(masked))


def test_erasing_finds_a_masked_comment(engine: sa.Engine, desk: Desk) -> None:
    desk.record([ITEM])
    with write(engine) as conn:
        assert erase_customer(conn, "default", "u-1", "key-1") == 1
        assert_exact(conn)


def test_jobs_mask_too(
    engine: sa.Engine, masked_settings: Settings, client: TestClient, pipeline: models.Pipeline
) -> None:
    lines = "".join(json.dumps(ITEM | {"id": f"r{number}"}) + "\n" for number in range(3))
    answer = client.post("/v1/jobs", content=lines, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 202
    Worker(engine, masked_settings, lambda: pipeline.analyze, threading.Event()).step()
    where = answer.headers["location"]
    assert client.get(where).json()["counts"]["created"] == 3
    results = client.get(f"{where}/results").text
    assert results.count('"masked"') == 3
    assert not any(secret in results + everything(engine) for secret in SECRETS)


def test_http_says_what_was_masked(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        card = {"text": "My card 4111 1111 1111 1111 was charged twice, nobody ever fixed my bill"}
        analyzed = client.post(
            "/v1/analyze", json={"comments": [card, {"text": "Nobody ever fixed my bill."}]}
        ).json()
        taken = client.post("/v1/comments", json={"comments": [ITEM]}).json()
    first, second = analyzed["results"]
    assert first["masked"] == [{"field": "text", "kind": "card", "start": 8, "end": 27}]
    assert second["masked"] == []
    assert_evidence_fits(first, "My card [card_____________] was charged twice, nobody ever fixed my bill")
    assert {mask["field"] for mask in taken["results"][0]["masked"]} == {"text", "question"}
    assert client.get("/v1/comments/c1").json()["analysis"]["masked"] == taken["results"][0]["masked"]
    assert not any(secret in caplog.text for secret in SECRETS)


def test_the_openapi_document_tells_of_masks(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Mask"]["properties"]) == {"field", "kind", "start", "end"}
    assert "masked" not in schemas["Analysis"]["required"]


def test_the_command_masks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_MASK", "email, phone")
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps({"text": TEXT}) + "\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["analyze", str(file)])
    assert done.exit_code == 0, done.output
    assert [mask["kind"] for mask in json.loads(done.stdout)["masked"]] == ["email", "phone"]


def test_off_by_default_nothing_changes(engine: sa.Engine, pipeline: models.Pipeline) -> None:
    settings = Settings(model="weightless")
    assert settings.mask == ()
    (result,) = Desk(engine, pipeline.analyze, settings).record([ITEM]).results
    (plain,) = pipeline.analyze([models.Comment(TEXT, question="How was Janelle?", id="c1")])
    expected = plain.to_dict() | {"outcome": "created", "analyzed_at": result["analyzed_at"]}
    assert json.dumps(result) == json.dumps(expected)
    assert "masked" not in result
    with read(engine) as conn:
        stored = repository.get(conn, "default", "c1")
    assert stored
    assert (stored.record.text, "masked" in stored.analysis) == (TEXT, False)


def test_an_unknown_kind_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_MASK", "email,shoe")
    with pytest.raises(models.InputError, match="LISTENWELL_MASK: 'shoe' is none of email, phone"):
        Settings()


def test_without_the_extra_the_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "find_spec", lambda name: None)
    Settings()
    with pytest.raises(
        models.InputError, match=r"LISTENWELL_MASK: needs the extra privacy: pip install"
    ) as caught:
        Settings(mask="all")
    assert caught.value.code == "invalid_setting"
    masking.load.cache_clear()
    with pytest.raises(models.MissingExtraError):
        masking.load(("email",))


def test_an_analysis_can_be_read_back_with_its_masks(pipeline: models.Pipeline, desk: Desk) -> None:
    (result,) = analyze([{"text": TEXT}], pipeline.analyze, masker=desk.masker).results
    assert models.Analysis.from_dict(json.loads(json.dumps(result))).to_dict() == result
