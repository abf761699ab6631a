"""Where uploaded files lie until their jobs end: one folder, one file a job, named by the job's id.

Of an ended job the rows that it rejected stay for a while, in `ID.rejects`.


A file is written under `ID.part`, brought to the disk and renamed, and only then is the job made: a job that was
acknowledged has its file, whatever is pulled. What a kill leaves behind is swept away a day later.
"""

import math
import os
import re
import time
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

import models
from service.settings import Settings

_OURS = re.compile(r"[0-9a-f]{32}\.(part|rejects|(csv|jsonl|parquet)(\.gz|\.zst)?)|\.(unpacked|rejects)-\w+")
_DAY = 86_400


def folder_of(settings: Settings) -> Path:
    """The folder of uploaded files, absolute; it may not be there yet."""
    if settings.files is not None:
        return settings.files.absolute()
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:"):
        return Path(url.database + "-files").absolute()
    return Path("listenwell-files").absolute()


class Incoming:
    """A file on its way in; without `keep` nothing of it stays.

    with Incoming(folder, id, limit) as file:
        file.write(chunk)
        name = file.keep("csv.gz")
    """

    def __init__(self, folder: Path, id: str, limit: int) -> None:
        self.folder = folder
        self.id = id
        self.limit = limit
        self.size = 0
        self._digest = sha256()
        self._part = folder / f"{id}.part"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes what is left, which a full disk refuses; the file is to go in any case.
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what was written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append. Raises `InputError` ("body_too_large") beyond the limit, and `OSError` if the disk is full."""
        self.size += len(chunk)
        if self.size > self.limit:
            raise models.InputError(
                f"the file is larger than the limit of {self.limit:,} bytes", code="body_too_large"
            )
        self._digest.update(chunk)
        self._file.write(chunk)

    def keep(self, ending: str) -> str:
        """Bring it to the disk under its final name, and tell that."""
        self._file.flush()
        os.fsync(self._file.fileno())
        name = f"{self.id}.{ending}"
        self._part.rename(self.folder / name)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name


def rejects_of(folder: Path, id: str) -> Path:
    """Where the rows lie that a job rejected."""
    return folder / f"{id}.rejects"


def remove(folder: Path, name: str) -> None:
    """Remove a file of ours, if it is still there; the file of a back-fill is its owner's and stays."""
    if _OURS.fullmatch(name):
        (folder / name).unlink(missing_ok=True)


def remove_all(folder: Path, name: str, id: str) -> None:
    """Remove the file of a job and the rows that it rejected."""
    remove(folder, name)
    rejects_of(folder, id).unlink(missing_ok=True)


def sweep(folder: Path, needed: Collection[str]) -> int:
    """Remove files of ours that no job needs and that are older than a day; how many there were."""
    if not folder.is_dir():
        return 0
    oldest = time.time() - _DAY
    stale = [
        file
        for file in folder.iterdir()
        if _OURS.fullmatch(file.name) and file.name not in needed and _written(file) < oldest
    ]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def _written(file: Path) -> float:
    """When; later than all times where another worker has removed it since it was listed."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return math.inf
