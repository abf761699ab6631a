"""An application of its own for each test, with the weightless model and a database of either kind."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.settings import Settings
from tests import labels_in_store


@pytest.fixture
def client(database_url: str, pipeline: models.Pipeline) -> Iterator[TestClient]:
    # Whom the audit draws, at random, is asked of in no other stream.
    settings = Settings(model="weightless", database_url=database_url, max_body_bytes=100_000, audit_rate=0)
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def engine_of(client: TestClient) -> sa.Engine:
    engine: sa.Engine = client.app.state.parts.engine  # type: ignore[attr-defined]
    return engine


@pytest.fixture
def corrected(
    engine: sa.Engine,
    database_url: str,
    make_record: labels_in_store.Make,
    make_analysis: labels_in_store.Make,
    monkeypatch: pytest.MonkeyPatch,
) -> sa.Engine:
    """A store with people's corrections."""
    return labels_in_store.prepare(engine, database_url, make_record, make_analysis, monkeypatch)
