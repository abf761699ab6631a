"""Erasure reaches everything, leaves an audit line without content, and may be asked for twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service import repository
from service.analyse import Desk
from service.database import read, write
from service.privacy import erasing
from service.privacy import repository as audit
from service.privacy.erasing import enforce_retention, erase_comment, erase_customer
from service.settings import Settings
from service.tables import metadata

NOW = datetime.now(UTC)
SECRET = "nobody ever fixed my bill"


@pytest.fixture
def desk(engine: Engine, pipeline: models.Pipeline) -> Desk:
    return Desk(engine, pipeline.analyze, Settings(model="weightless"))


def item(id: str, days_ago: float = 1, **fields: Any) -> dict[str, Any]:
    at = (NOW - timedelta(days=days_ago)).isoformat()
    return {"id": id, "text": f"Agent was kind but {SECRET}.", "occurred_at": at} | fields


def lines(engine: Engine, tenant: str = "default") -> list[tuple[str, int, str]]:
    with read(engine) as conn:
        return [(line.what, line.count, line.actor) for line in audit.lines(conn, tenant)]


def remaining(engine: Engine, tenant: str = "default") -> list[str]:
    with read(engine) as conn:
        found = repository.select(conn, tenant, repository.Filters(), 1_000)
        assert sum(one.value for one in repository.measures(conn, tenant, "*") if one.measure == "n") == len(
            found.comments
        )
    return sorted(stored.record.id for stored in found.comments)


def test_a_customer_is_forgotten_everywhere(engine: Engine, desk: Desk) -> None:
    desk.record([item("c1", customer_id="u-17"), item("c2", customer_id="u-17"), item("c3")])
    with write(engine) as conn:
        assert erase_customer(conn, "default", "u-17", "key-1") == 2
        assert erase_customer(conn, "default", "u-17", "key-1") == 0
        assert erase_customer(conn, "other", "u-17", "key-1") == 0
        assert erase_comment(conn, "default", "c3", "key-1")
        assert not erase_comment(conn, "default", "c3", "key-1")
    assert remaining(engine) == []
    assert lines(engine) == [("customer", 2, "key-1"), ("comment", 1, "key-1")]
    assert lines(engine, "other") == []
    with read(engine) as conn:
        everything = str([conn.execute(sa.select(table)).all() for table in metadata.sorted_tables])
    assert not [word for word in (SECRET, "u-17", "'c1'", "'c3'") if word in everything]


def test_the_audit_can_be_asked_about_an_id(engine: Engine, desk: Desk) -> None:
    desk.record([item("c1", customer_id="u-17")])
    with write(engine) as conn:
        erase_customer(conn, "default", "u-17", "key-1")
        (line,) = audit.lines(conn, "default")
        assert line.subject_hash == audit.hash_of(conn, "u-17") != audit.hash_of(conn, "u-18")
    assert abs(line.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_erasure_that_fails_leaves_no_line(engine: Engine, desk: Desk) -> None:
    desk.record([item("c1")])

    def fail() -> None:
        with write(engine) as conn:
            assert erase_comment(conn, "default", "c1", "key-1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert remaining(engine) == ["c1"]
    assert lines(engine) == []


def test_retention_erases_what_is_older_in_batches(
    engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 3)
    for tenant in ("default", "other"):
        desk.record([item(f"c{days}", days) for days in range(1, 12)], tenant=tenant)
    assert enforce_retention(engine) == 0, "no tenant has a limit yet"
    with write(engine) as conn:
        audit.set_retention(conn, "default", 30)
        audit.set_retention(conn, "default", 4)
    assert enforce_retention(engine) == 8
    assert enforce_retention(engine) == 0
    assert remaining(engine) == ["c1", "c2", "c3"]
    assert len(remaining(engine, "other")) == 11
    assert lines(engine) == [("retention", count, "retention") for count in (3, 3, 2)]
    with read(engine) as conn:
        assert {line.subject_hash for line in audit.lines(conn, "default")} == {None}


def test_without_a_limit_comments_stay(engine: Engine, desk: Desk) -> None:
    desk.record([item("c1", 9_000)])
    with write(engine) as conn:
        audit.set_retention(conn, "default", 1)
        audit.set_retention(conn, "default", None)
        assert audit.retentions(conn) == {}
    assert enforce_retention(engine) == 0
