"""What webhooks are told of a comment that people corrected: the labels in force, whatever a model finds later."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from models import Analysis
from service import repository
from service.analyse import Desk
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.events import outbox, webhook_repository
from service.events.signing import new_secret
from service.events.tables import event
from service.jobs import foreground
from service.jobs.records import Job
from service.jobs.rescore import Rescore
from service.jobs.worker import Worker
from service.settings import Settings

MakeAnalysis = Callable[..., Analysis]
Upload = Callable[..., Job]
SENT: dict[str, Any] = {
    "id": "c1",
    "text": "Agent was kind but nobody ever fixed my bill.",
    "touchpoint": "support",
}
AGAIN = [SENT | {"id": id, "scores": {"nps": 2}} for id in ("c1", "c2")]
SAID = {"labels": {"add": ["easy_to_use"], "remove": ["poor_communication"]}, "sentiment": "positive"}
FOUND = {
    "status": "analyzed",
    "sentiment": "negative",
    "issues": ["poor_communication", "unmet_expectations"],
    "strengths": [],
    "categories": [],
}
IN_FORCE = {
    "status": "analyzed",
    "sentiment": "positive",
    "issues": ["unmet_expectations"],
    "strengths": ["easy_to_use"],
    "categories": [],
}


class Tags:
    """A model that finds what the person removed, and one thing more; or reads nothing, if told so."""

    def __init__(self, make: MakeAnalysis, version: str, read: bool = True) -> None:
        self.made = make(issues=FOUND["issues"], sentiment=-0.5, version=version, read=read)

    def __call__(self, comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[Analysis]:
        return [self.made for _ in comments]


@pytest.fixture(autouse=True)
def corrected(engine: Engine, settings: Settings, make_analysis: MakeAnalysis) -> None:
    """Two comments, the first corrected, and a webhook that has heard nothing yet."""
    desk = Desk(engine, Tags(make_analysis, "old"), settings)
    assert not desk.record([SENT, SENT | {"id": "c2"}]).errors
    with write(engine) as conn:
        correct(conn, "default", "c1", read_correction(SAID, models.load("weightless").taxonomy, "anna"))
    with write(engine) as conn:
        webhook_repository.add(conn, "default", "https://example.com/h", outbox.TYPES, new_secret(), False)


def told(engine: Engine) -> dict[str, dict[str, Any]]:
    """The data of the events on comments, by the comment's id."""
    with read(engine) as conn:
        of_comments = sa.select(event.c.body).where(event.c.type == "comment.analyzed")
        told = [json.loads(body)["data"] for body in conn.scalars(of_comments)]
    found = {one["id"]: one for one in told}
    assert len(found) == len(told)
    return found


def shown(engine: Engine, id: str) -> dict[str, Any]:
    """The labels that whoever asks for the comment is shown."""
    with read(engine) as conn:
        stored = repository.get(conn, "default", id)
    assert stored is not None
    labels = stored.labels
    return {
        "status": labels["status"],
        "sentiment": labels["sentiment"] and labels["sentiment"]["label"],
        "issues": [one["id"] for one in labels["issues"]],
        "strengths": [one["id"] for one in labels["strengths"]],
        "categories": [one["id"] for one in labels["categories"]],
    }


def assert_told(engine: Engine, version: str) -> None:
    """Of the corrected comment what is in force, of the other what the model found."""
    rest = {"outcome": "replaced", "touchpoints": ["support"], "review": False, "model_version": version}
    events = told(engine)
    assert events == {
        "c1": {"id": "c1"} | IN_FORCE | rest,
        "c2": {"id": "c2"} | FOUND | rest,
    }
    for id, data in events.items():
        assert shown(engine, id) == {name: data[name] for name in FOUND}


def rescore(engine: Engine, settings: Settings, tags: Tags) -> None:
    with foreground.held(engine, foreground.rescore_job("default", "new", 2), "me", settings) as job:
        Rescore(engine, job, "me", tags, "new", settings).work()


def test_after_a_rescore(engine: Engine, settings: Settings, make_analysis: MakeAnalysis) -> None:
    rescore(engine, settings, Tags(make_analysis, "new"))
    assert_told(engine, "new")


def test_where_a_later_model_cannot_read_it(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis
) -> None:
    rescore(engine, settings, Tags(make_analysis, "new", read=False))
    data = told(engine)
    assert {name: data["c1"][name] for name in IN_FORCE} == shown(engine, "c1") == IN_FORCE | {"issues": []}
    assert (data["c2"]["status"], data["c2"]["sentiment"]) == ("not_analyzed", None)


def test_when_the_same_words_come_with_another_score(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis
) -> None:
    assert not Desk(engine, Tags(make_analysis, "old"), settings).record(AGAIN).errors
    assert_told(engine, "old")


def test_when_a_file_brings_them(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis, upload: Upload
) -> None:
    upload(AGAIN)
    assert Worker(engine, settings, lambda: Tags(make_analysis, "old"), threading.Event()).step()
    assert_told(engine, "old")


def test_of_other_words_nobody_has_said_anything(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis
) -> None:
    Desk(engine, Tags(make_analysis, "old"), settings).record([SENT | {"text": "Nobody answered."}])
    data = told(engine)["c1"]
    assert {name: data[name] for name in FOUND} == FOUND
