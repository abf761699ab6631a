"""What several tests need: a migrated database in a file of its own, the weightless model, and two builders."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import models
from models import Analysis, Evidence, Language, Mention, Review, Sentiment, Signal, TouchpointMention
from models.schema import SentimentLabel
from service.database import migrate, open_engine
from service.records import CommentRecord


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database of its own for each test, at the newest version."""
    engine = open_engine(f"sqlite:///{tmp_path / 'listenwell.db'}")
    migrate(engine)
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
        effort=None,
        loyalty=None,
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
