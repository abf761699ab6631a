"""An application of its own for each test, with the weightless model and a database of either kind."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import models
from service.app import create_app
from service.settings import Settings


@pytest.fixture
def client(database_url: str, pipeline: models.Pipeline) -> Iterator[TestClient]:
    settings = Settings(model="weightless", database_url=database_url, max_body_bytes=100_000)
    with TestClient(create_app(settings, pipeline.analyze), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def engine_of(client: TestClient) -> sa.Engine:
    engine: sa.Engine = client.app.state.parts.engine  # type: ignore[attr-defined]
    return engine
