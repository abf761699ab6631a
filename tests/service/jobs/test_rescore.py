"""History to the model in force: what another model said goes, the sums follow, newer changes stay."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from models import Analysis
from service import repository
from service.database import read, write
from service.jobs import foreground
from service.jobs.records import Job, LeaseLost
from service.jobs.rescore import Rescore
from service.records import CommentRecord
from service.settings import Settings

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MakeRecord = Callable[..., CommentRecord]
MakeAnalysis = Callable[..., Analysis]


@pytest.fixture
def history(engine: Engine, make_record: MakeRecord, make_analysis: MakeAnalysis) -> None:
    with write(engine) as conn:
        for number in range(100):
            old = make_analysis(issues=["poor_communication"], sentiment=-0.5, version="old")
            repository.save(conn, make_record(id=f"c{number:03}"), old, NOW)


def rescore(engine: Engine, settings: Settings, tagger: "Tags") -> Job:
    new = foreground.rescore_job("default", "new", 100)
    with foreground.held(engine, new, "me", settings) as job:
        Rescore(engine, job, "me", tagger, "new", settings).work()
    return foreground.current(engine, job)


def sums(engine: Engine) -> dict[str, int]:
    with read(engine) as conn:
        return {total.measure: total.value for total in repository.totals(conn, "default", "*")}


@pytest.mark.usefixtures("history")
def test_it_ends_where_another_model_was_put_in_force(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis
) -> None:
    new = foreground.rescore_job("default", "new", 100)
    tagger = Tags(make_analysis)
    with (
        pytest.raises(models.InputError, match="not in force any more") as caught,
        foreground.held(engine, new, "me", settings) as job,
    ):
        Rescore(engine, job, "me", tagger, "new", settings, in_force=lambda: False).work()
    assert caught.value.code == "model_changed"
    ended = foreground.current(engine, job)
    assert (ended.state, ended.error_code, tagger.read) == ("failed", "model_changed", 0)


class Tags:
    """A newer model: it finds something else, and does `first` before its first batch."""

    def __init__(self, make: MakeAnalysis, first: Callable[[], None] = lambda: None) -> None:
        self.make = make
        self.first = first
        self.read = 0

    def __call__(self, comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[Analysis]:
        if not self.read:
            self.first()
        self.read += len(comments)
        return [self.make(strengths=["helpful_support"], sentiment=0.5, version="new") for _ in comments]


@pytest.mark.usefixtures("history")
def test_all_of_it_once(engine: Engine, settings: Settings, make_analysis: MakeAnalysis) -> None:
    tags = Tags(make_analysis)
    job = rescore(engine, settings, tags)
    assert (job.state, job.replaced, tags.read) == ("done", 100, 100)
    assert sums(engine) == {
        "n": 100,
        "analyzed": 100,
        "model:new": 100,
        "sentiment_sum_squares": 100 * 5_000**2,
        "label:helpful_support": 100,
        "sentiment_n": 100,
        "sentiment_positive": 100,
        "sentiment_sum": 100 * 5000,
    }
    rescore(engine, settings, tags)
    assert tags.read == 100


@pytest.mark.usefixtures("history")
def test_what_changed_meanwhile_is_left(
    engine: Engine, settings: Settings, make_record: MakeRecord, make_analysis: MakeAnalysis
) -> None:
    def meanwhile() -> None:
        with write(engine) as conn:
            theirs = make_analysis(issues=["unmet_expectations"], version="old")
            repository.save(conn, make_record(id="c000", text="Changed."), theirs, NOW)
            repository.delete(conn, "default", "c001")

    job = rescore(engine, settings, Tags(make_analysis, meanwhile))
    assert (job.replaced, job.replayed) == (98, 2)
    found = sums(engine)
    assert (found["n"], found["label:unmet_expectations"], found["model:new"]) == (99, 1, 98)
    assert rescore(engine, settings, Tags(make_analysis)).replaced == 1


@pytest.mark.usefixtures("history")
def test_a_cancelled_one_stops_and_the_next_goes_on(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis
) -> None:
    def stop() -> None:
        with write(engine) as conn:
            conn.exec_driver_sql("UPDATE job SET state = 'cancelled', owner = NULL")

    with pytest.raises(LeaseLost):
        rescore(engine, settings, Tags(make_analysis, stop))
    assert sums(engine)["model:old"] == 100
    assert rescore(engine, settings, Tags(make_analysis)).replaced == 100


@pytest.mark.usefixtures("history")
def test_two_at_once_are_told(engine: Engine, settings: Settings, make_analysis: MakeAnalysis) -> None:
    def second() -> None:
        with pytest.raises(models.InputError) as caught:
            rescore(engine, settings, Tags(make_analysis))
        assert caught.value.code == "job_running"

    assert rescore(engine, settings, Tags(make_analysis, second)).replaced == 100


@pytest.mark.usefixtures("history")
def test_a_commit_whose_answer_is_lost_counts_once(
    engine: Engine, settings: Settings, make_analysis: MakeAnalysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, lost = Rescore._commit, []

    def unheard(self: Rescore, *given: Any) -> None:
        commit(self, *given)
        if not lost:
            lost.append(1)
            raise sa.exc.OperationalError("COMMIT", {}, Exception("the connection is gone"))

    monkeypatch.setattr(Rescore, "_commit", unheard)
    job = rescore(engine, settings, Tags(make_analysis))
    assert (job.state, job.position, job.replaced, job.replayed) == ("done", 100, 100, 0)
