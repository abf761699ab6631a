"""What the metrics would be under another model is what they are once that model has read everything."""

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

import models
from models.command import main
from models.heads import Calibration
from models.pipeline import Pipeline
from service import repository
from service.analyse import Desk
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.metrics import Rules, overview
from service.promotion.impact import BATCH, Impact, Side, newest
from service.records import Outdated
from service.settings import Settings

TEXTS = ("Agent was kind but nobody fixed my bill.", "The app crashes.", "n/a", "Great price, easy checkout.")


@pytest.fixture
def other(pipeline: Pipeline) -> Pipeline:
    """The same words, but it never finds one label and finds another one everywhere."""
    return Pipeline(
        pipeline.scorer,
        pipeline.taxonomy,
        version="other-1",
        calibration=Calibration(
            platt={"unresolved_issue": (1.0, -50.0), "not_listening_to_customers": (1.0, 50.0)}
        ),
        thresholds=pipeline.thresholds,
    )


def side(pipeline: Pipeline, settings: Settings) -> Side:
    rules = Rules.of(settings, pipeline.taxonomy, pipeline.version, pipeline.calibration.errors)
    return Side(pipeline.version, pipeline.analyze, rules)


def store(engine: Engine, pipeline: Pipeline, settings: Settings, comments: int) -> None:
    items = [
        {"id": f"c{at}", "text": f"{TEXTS[at % 4]} {at}" if at % 4 != 2 else "n/a", "touchpoint": "tp"}
        | ({"touchpoint": None} if at % 3 else {})
        for at in range(comments)
    ]
    items = [{name: value for name, value in one.items() if value is not None} for one in items]
    assert not Desk(engine, pipeline.analyze, settings).record(items).errors


def test_it_foretells_the_metrics(
    engine: Engine, pipeline: Pipeline, other: Pipeline, database_url: str
) -> None:
    settings = Settings(database_url=database_url, model="weightless")
    store(engine, pipeline, settings, BATCH + 44)
    with write(engine) as conn:
        said = {"labels": {"add": ["poor_communication"], "remove": []}, "actor": "anna"}
        correct(conn, "default", "c1", read_correction(said, pipeline.taxonomy, "key"))
    found = Impact(side(pipeline, settings), side(other, settings), shown=3)
    for batch in newest(engine, "default", None):
        found.add(batch)
    report = found.report()
    foretold = {one["touchpoint"]: one["b"] for one in report["touchpoints"]}
    now = {one["touchpoint"]: one["a"] for one in report["touchpoints"]}
    rules = side(pipeline, settings).rules, side(other, settings).rules
    assert now == _metrics(engine, rules[0])
    with write(engine) as conn:
        old = [
            Outdated(one.key, one.record, one.record.digest, one.analysis["model_version"])
            for batch in newest(engine, "default", None)
            for one in batch
        ]
        repository.reanalyze(conn, list(zip(old, other.analyze([_comment(one) for one in old]), strict=True)))
    after = _metrics(engine, rules[1])
    assert {place: found for place, found in foretold.items() if found["n"]} == after
    assert report["comments"] == BATCH + 44
    read_by_it = BATCH + 44 - sum("n/a" in one.record.text for one in old)
    assert report["changed"] == report["labels"]["gained"]["not_listening_to_customers"] == read_by_it
    assert set(report["labels"]["lost"]) == {"unresolved_issue"}
    assert len(report["examples"]) == 3


def test_categories_of_ones_own_are_compared(engine: Engine, pipeline: Pipeline, database_url: str) -> None:
    def finding(id: str) -> Side:
        def tagger(comments: Any, **_: Any) -> list[models.Analysis]:
            found = (models.Mention(id, id, 0.9, 0.5, ()),)
            own: dict[str, Any] = {"issues": (), "strengths": (), "categories": found, "model_version": id}
            return [replace(one, **own) for one in pipeline.analyze(comments)]

        return replace(side(pipeline, settings), version=id, tagger=tagger)

    settings = Settings(database_url=database_url, model="weightless", audit_rate=0)
    before, after = finding("parking"), finding("food")
    items = [{"id": f"c{at}", "text": f"The app crashes {at}."} for at in range(3)]
    assert not Desk(engine, before.tagger, settings).record(items).errors
    found = Impact(before, after)
    for batch in newest(engine, "default", None):
        found.add(batch)
    report = found.report()
    assert report["changed"] == 3
    assert report["labels"] == {"gained": {"food": 3}, "lost": {"parking": 3}}


def _comment(old: Outdated) -> models.Comment:
    return models.Comment(old.record.text, question=old.record.question, id=old.record.id)


def _metrics(engine: Engine, rules: Rules) -> dict[str, Any]:
    with read(engine) as conn:
        found = overview(conn, "default", rules)
    return {one["touchpoint"]: one for one in [*found["touchpoints"], found["total"]]}


def test_the_command_reads_the_last_ones(
    engine: Engine, pipeline: Pipeline, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    store(engine, pipeline, Settings(database_url=database_url), 30)

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["models", "impact", *arguments])
        assert done.exit_code == status, done.output
        return done.stdout

    report = json.loads(run("weightless", "--limit", "12", "--json"))
    assert (report["comments"], report["changed"], report["examples"]) == (12, 0, [])
    assert "all comments" in run("weightless")
    run("nowhere", status=2)
