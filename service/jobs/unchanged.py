"""Whether the file of a job is still what it was: asked again and again, before anything of a batch is stored."""

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import models
from service.files import printable
from service.jobs.records import FILE_CHANGED, Job


class Unchanged:
    """Asked again and again whether a file is still what it was at first, by its size and time of change."""

    def __init__(self, path: str | Path) -> None:
        self.file = Path(path)
        self._first = self._look()

    def __call__(self) -> models.InputError | None:
        """The error ("file_changed") if it is not."""
        if self._look() == self._first:
            return None
        return models.InputError(
            f"{printable(self.file.name)}: changed while it was read; run the same again", code=FILE_CHANGED
        )

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return None
        return found.st_size, found.st_mtime_ns


class AsSent(Unchanged):
    """An uploaded file, which the first time is held against the hash of what was sent."""

    def __init__(self, path: Path, job: Job) -> None:
        super().__init__(path)
        self._job = job
        self._checked = False

    def __call__(self) -> models.InputError | None:
        """The error ("file_changed") if it is not."""
        if not self._checked and self._hash() != self._job.digest:
            return models.InputError(
                f"{self._job.name}: is not what was sent any more; send it again", code=FILE_CHANGED
            )
        self._checked = True
        return super().__call__()

    def _hash(self) -> str | None:
        try:
            with self.file.open("rb") as stream:
                content = file_digest(stream, "sha256").hexdigest()
        except OSError:
            return None
        return upload_digest(content, self.file.name.partition(".")[2], self._job.options)


def upload_digest(content: str, ending: str, options: dict[str, Any]) -> str:
    """What an upload is known by: SHA-256 (hex) of its content's, its ending and its options together."""
    same = json.dumps([content, ending, options], sort_keys=True)
    return sha256(same.encode("ascii")).hexdigest()
