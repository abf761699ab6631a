"""What tests of jobs share: an uploaded file as a job, settings of its own, and what the store holds."""

import json
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from service.database import write
from service.jobs import repository, storage
from service.jobs.records import Job, NewJob, Options
from service.jobs.unchanged import upload_digest
from service.settings import Settings


@pytest.fixture
def settings(engine: Engine, tmp_path: Path) -> Settings:
    return Settings(
        model="weightless",
        database_url=engine.url.render_as_string(hide_password=False),
        files=tmp_path / "files",
        lease_seconds=2,
    )


@pytest.fixture
def upload(engine: Engine, settings: Settings) -> Callable[..., Job]:
    """A job of a file with this content, as the door makes it."""
    made = 0

    def make(content: bytes | Iterable[Any], ending: str = "jsonl", **options: Any) -> Job:
        nonlocal made
        made += 1
        data = content if isinstance(content, bytes) else jsonl(content)
        id = f"{made:032x}"
        with storage.Incoming(storage.folder_of(settings), id, len(data)) as file:
            file.write(data)
            source = file.keep(ending)
        kept = Options(**options).to_dict()
        new = NewJob(
            id=id,
            tenant="default",
            kind="upload",
            name=f"their.{ending}",
            source=source,
            options=kept,
            digest=upload_digest(file.digest, ending, kept),
        )
        with write(engine) as conn:
            return repository.create(conn, new)

    return make


def jsonl(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: writing more fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
