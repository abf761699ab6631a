"""The rows that a job rejected, as JSON lines that can be corrected and sent again.

    {"id": "r-7", "text": "", "scores": {"nps": 12}, "rejected": {"index": 6, "code": "out_of_range", …}}

A row has the API's names, whatever the columns of its file, and the id and touchpoint that the job's options gave
it; `rejected` says why and is no part of it when it comes again. A line that is no row is given as `line`. They are
read out of the file once more, when the job ends, because only then it is known which they are and that they are
all; the file goes then, and they stay beside the job for `LISTENWELL_KEEP_REJECTS_DAYS`.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import models
from models.masking.masker import Masker
from service.database import read
from service.files import Source
from service.jobs import repository, storage
from service.jobs.records import ERASED, REJECTED, Item, Job, Options
from service.packed import BrokenLineError
from service.privacy.repository import anything_buried, buried
from service.settings import Settings

_CHUNK = 500
_AT_ONCE = 1_048_576
"""Bytes."""


def rejected(engine: sa.Engine, job: Job, source: Source) -> Iterator[dict[str, Any]]:
    """The rejected rows of a job in their order, out of its file; what was erased since is not among them."""
    options = Options(**job.options)
    rows = enumerate(source.rows())
    found = (
        (next((row for place, row in rows if place == item.place), None), item)
        for failed in _failed(engine, job)
        for item in failed
    )
    given = (shaped(options.complete(row, item.place + 1), item.error()) for row, item in found)
    for portion in _portions(given):
        yield from _without_erased(engine, job, portion)


def shaped(row: object, error: Mapping[str, Any]) -> dict[str, Any]:
    """One of them; `row` is complete, `error` the contract's object."""
    reason = {name: value for name, value in error.items() if name != "id"}
    if isinstance(row, dict):
        return {**row, REJECTED: reason}
    line = row.line if isinstance(row, BrokenLineError) else json.dumps(row)
    return {"line": line, REJECTED: reason}


def masked(row: dict[str, Any], masker: Masker) -> dict[str, Any]:
    """Without personal data in what is text, as it would be stored; what is too long to be is left out."""
    hidden: dict[str, str | None] = {}
    for name in ("text", "question", "line"):
        if isinstance(text := row.get(name), str):
            hidden[name] = masker.mask(text).text if len(text) <= models.MAX_TEXT else None
    return row | hidden


def line_of(row: dict[str, Any]) -> bytes:
    """As a line; in ASCII, so that half a character is no obstacle. What is no number of JSON is its word."""
    try:
        line = json.dumps(row, allow_nan=False)
    except ValueError:
        # 1e999 is JSON, and Python's infinity is not.
        line = json.dumps(json.loads(json.dumps(row), parse_constant=str))
    return line.encode("ascii") + b"\n"


def keep(folder: Path, id: str, rows: Iterable[dict[str, Any]]) -> bool:
    """Keep them beside the job; false if there are none. Raises `OSError` if the disk is full."""
    return _write(folder, id, map(line_of, rows))


def withdraw(engine: sa.Engine, job: Job, folder: Path) -> None:
    """Remove what was kept of a job that was cancelled meanwhile; that of another worker, who has it now, stays."""
    with read(engine) as conn:
        found = repository.get(conn, job.tenant, job.id)
    if found is None or not (found.active or found.rejects_until):
        storage.rejects_of(folder, job.id).unlink(missing_ok=True)


def purge(engine: sa.Engine, job: Job, folder: Path) -> None:
    """Take out of what is kept what was erased since. Raises `OSError` if the disk is full."""
    path = storage.rejects_of(folder, job.id)
    with read(engine) as conn:
        if not anything_buried(conn, job.tenant, job.created_at) or not path.is_file():
            return
    if not _write(folder, job.id, _lines(engine, job, path)):
        path.unlink(missing_ok=True)


def _write(folder: Path, id: str, lines: Iterable[bytes]) -> bool:
    # Several workers may do the same at once.
    part = folder / f".rejects-{secrets.token_hex(8)}"
    try:
        with part.open("xb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
            if not file.tell():
                return False
        part.rename(storage.rejects_of(folder, id))
        return True
    finally:
        part.unlink(missing_ok=True)


def fetch(engine: sa.Engine, job: Job, settings: Settings) -> Iterator[bytes]:
    """What was kept, some lines at a time.

    Raises `InputError`, before the first: "job_active" until the job has ended, "rejects_gone" if there were some
    that are not kept any more, or never were.
    """
    if job.active:
        raise models.InputError("the job has not ended yet", code="job_active")
    if not job.failed:
        return iter(())
    path = storage.rejects_of(storage.folder_of(settings), job.id)
    if job.rejects_until is None or not path.is_file():
        raise models.InputError("its rejected rows are not kept (any more)", code="rejects_gone")
    return _lines(engine, job, path)


def _lines(engine: sa.Engine, job: Job, path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while lines := file.readlines(_AT_ONCE):
            yield b"".join(map(line_of, _without_erased(engine, job, [json.loads(line) for line in lines])))


def _portions(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows, not more at once than there is room for."""
    portion: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        portion.append(row)
        size += len(json.dumps(row))
        if size >= _AT_ONCE or len(portion) == _CHUNK:
            yield portion
            portion, size = [], 0
    yield portion


def _failed(engine: sa.Engine, job: Job) -> Iterator[list[Item]]:
    after = -1
    while True:
        with read(engine) as conn:
            found = repository.errors(conn, job.key, _CHUNK, after)
        if not found:
            return
        after = found[-1].place
        yield [item for item in found if item.code != ERASED]


def _without_erased(engine: sa.Engine, job: Job, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def text(row: dict[str, Any], name: str) -> str:
        return str(row.get(name) or "")

    with read(engine) as conn:
        within = partial(buried, conn, job.tenant, job.created_at)
        ids = within("comment", [text(row, "id") for row in rows])
        customers = within("customer", [text(row, "customer_id") for row in rows])
    return [row for row in rows if text(row, "id") not in ids and text(row, "customer_id") not in customers]
