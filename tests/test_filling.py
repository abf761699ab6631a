"""A store that was filled in bulk is one that the service could have filled."""

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from service import repository
from service.database import read
from service.listing import Filters
from service.review.tables import audit_draw, doubt
from tests import filling
from tests.recount import assert_exact


def test_a_filled_store_is_exact(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "DAYS", 20)
    monkeypatch.setattr(filling, "TEMPLATES", 60)
    filling.fill(engine, 600)
    filling.settle(engine)
    assert filling.check_sample(engine, days=3) > 0
    with read(engine) as conn:
        assert_exact(conn)
        assert repository.count(conn, "default") == 600
        (found,) = repository.select(conn, "default", Filters(q="Ref 0000123"), 10).comments
        assert found.record.id == "c-0000123"
        for table in (audit_draw, doubt):
            assert conn.scalar(sa.select(sa.func.count()).select_from(table)) is not None
