"""What several tests need: a database of its own of either kind, the weightless model, and two builders."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine

import models
from models import Analysis, Evidence, Language, Mention, Review, Sentiment, Signal, TouchpointMention
from models.schema import SentimentLabel
from service.database import open_engine
from service.records import CommentRecord
from tests.databases import KINDS, Databases, NotInstalledError, PostgresServer

# No example is wrong for having been slow: the machine may have been busy.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is kept in the folders of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LISTENWELL_COMPILED", str(tmp_path_factory.getbasetemp().parent / "compiled"))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests. Without its programs they are skipped, or fail where they must be there."""
    try:
        server = PostgresServer()
    except NotInstalledError as error:
        if os.environ.get("LISTENWELL_TEST_POSTGRES") == "1":
            raise
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def databases_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Databases]:
    """The source of databases of one kind."""
    return cache(lambda kind, server=None: Databases(kind, tmp_path_factory.mktemp(kind), server))


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, databases_of: Callable[..., Databases]) -> Databases:
    """Where new databases come from; whoever asks for this runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return databases_of("sqlite")
    return databases_of("postgresql", request.getfixturevalue("postgres_server"))


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of its own for each test, at the newest version."""
    with databases.new() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The same, opened."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def pipeline() -> models.Pipeline:
    """The model of word lists: it behaves like the real one and needs no files."""
    return models.load("weightless")


@pytest.fixture(scope="session")
def make_record() -> Callable[..., CommentRecord]:
    """A checked comment; every field can be given."""

    def make(id: str = "c1", text: str = "The app is good.", **fields: Any) -> CommentRecord:
        fields.setdefault("occurred_at", datetime(2026, 11, 20, 9, 12, tzinfo=UTC))
        return CommentRecord(id=id, text=text, **fields)

    return make


@pytest.fixture(scope="session")
def make_analysis() -> Callable[..., Analysis]:
    """An analysis that found what is asked for: ids of labels and touchpoints, scores or None."""
    return _analysis


def _analysis(
    *,
    issues: Sequence[str] = (),
    strengths: Sequence[str] = (),
    touchpoints: Sequence[str] = (),
    sentiment: float | None = 0.0,
    empathy: float | None = None,
    effort: float | None = None,
    loyalty: float | None = None,
    read: bool = True,
    no_content: bool = False,
    version: str = "m1",
) -> Analysis:
    """What is not `read` or has no content has no findings."""
    found = read and not no_content
    side: SentimentLabel = "neutral" if not sentiment else "positive" if sentiment > 0 else "negative"
    return Analysis(
        id=None,
        status="analyzed" if read else "not_analyzed",
        sentiment=Sentiment(side, sentiment, False, {}) if found and sentiment is not None else None,
        empathy=Signal(empathy, 0.9, ()) if found and empathy is not None else None,
        effort=Signal(effort, 0.9, ()) if found and effort is not None else None,
        loyalty=Signal(loyalty, 0.9, ()) if found and loyalty is not None else None,
        intent=None,
        issues=tuple(Mention(i, "theme", 0.9, 0.5, (Evidence(0, 3, "The"),)) for i in issues if found),
        strengths=tuple(Mention(s, "theme", 0.8, 0.5, (Evidence(0, 3, "The"),)) for s in strengths if found),
        categories=(),
        touchpoints=tuple(TouchpointMention(t, 0.7) for t in touchpoints if found),
        language=Language("en", read),
        no_content=no_content,
        truncated=False,
        review=Review(False, ()),
        model_version=version,
        taxonomy_version="cx-1.0",
        analyzed_at="2026-11-20T10:00:00.000Z",
    )


@pytest.fixture(scope="session")
def tiny_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights; copy it before spoiling it."""
    from tests.tiny import write_tiny_artifact

    return write_tiny_artifact(tmp_path_factory.mktemp("models") / "tiny")
