"""The parts of a back-fill in a folder that all machines reach: Parquet of comments, Parquet of their analyses.

    comments-00007.parquet    place, id, text, question, language
    analyses-00007.parquet    the same with `analysis`, the contract's object as JSON
    plan.json                 written last: without it the rows were not cut to their end
    begun-00007-3f…           how often workers began with it, in one run of the command

Part 7 has the comments of rows 7 * rows and on. A part is done where its analyses are there; a part of analyses
that is written twice, by a worker that was thought dead and the one after it, is the same both times.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import models
from service.remote import Folder, shown

_PLAN = "plan.json"
_ANALYSES = re.compile(r"analyses-(\d+)\.parquet")
_COMMENTS = pa.schema(
    [
        pa.field("place", pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("text", pa.string(), nullable=False),
        pa.field("question", pa.string()),
        pa.field("language", pa.string()),
    ]
)
_ANALYSED = _COMMENTS.append(pa.field("analysis", pa.string(), nullable=False))
Placed = tuple[int, models.Comment]
"""A comment and the place of its row in the file, from 0."""


@dataclass(frozen=True)
class Plan:
    """How a file was cut: into parts of so many rows; `parts` are the numbers of those with something to tag."""

    rows: int
    comments: int
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Parts:
    """One back-fill's parts. All of it raises `InputError` where the folder cannot be read or written."""

    folder: Folder

    def plan(self) -> Plan | None:
        """How the file was cut, or None if it was not, or not to its end."""
        kept = self.folder.find(_PLAN)
        if kept is None:
            return None
        with self._whole(_PLAN):
            found = json.loads(kept)
            return Plan(found["rows"], found["comments"], tuple(found["parts"]))

    def keep_plan(self, plan: Plan) -> None:
        """The last thing that cutting does."""
        self.folder.write(_PLAN, json.dumps(asdict(plan)).encode())

    def done(self) -> set[int]:
        """Numbers of the parts whose analyses are there."""
        return {int(found[1]) for name in self.folder.names() if (found := _ANALYSES.fullmatch(name))}

    def write_comments(self, number: int, comments: Sequence[Placed]) -> None:
        """A part that is to be tagged."""
        self._write(f"comments-{number:05}.parquet", _COMMENTS, [_row(*one) for one in comments])

    def comments(self, number: int) -> list[Placed]:
        """A part that is to be tagged, in the order of the file."""
        name = f"comments-{number:05}.parquet"
        content = self.folder.read(name)
        with self._whole(name):
            return [(row["place"], _comment(row)) for row in _rows(content)]

    def begin(self, number: int, run: str) -> int:
        """How many times the part was begun in this run of the command, this one too."""
        name = f"begun-{number:05}-{run}"
        times = int(self.folder.find(name) or 0) + 1
        self.folder.write(name, str(times).encode())
        return times

    def write_analyses(
        self, number: int, comments: Sequence[Placed], analyses: Sequence[models.Analysis]
    ) -> None:
        """A part that is done."""
        rows = [
            _row(*one) | {"analysis": json.dumps(analysis.to_dict(), ensure_ascii=False)}
            for one, analysis in zip(comments, analyses, strict=True)
        ]
        self._write(f"analyses-{number:05}.parquet", _ANALYSED, rows)

    def analyses(self, number: int) -> dict[int, tuple[models.Comment, models.Analysis]]:
        """What a part that is done says, by the place of the row."""
        name = f"analyses-{number:05}.parquet"
        content = self.folder.read(name)
        with self._whole(name):
            return {
                row["place"]: (_comment(row), models.Analysis.from_dict(json.loads(row["analysis"])))
                for row in _rows(content)
            }

    def clear(self) -> None:
        """Remove all of it."""
        self.folder.remove()

    def leave_analyses(self) -> None:
        """Remove all but the analyses, for whoever wants to keep them."""
        for name in self.folder.names():
            if not _ANALYSES.fullmatch(name):
                self.folder.discard(name)

    def _write(self, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        content = io.BytesIO()
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, content, compression="zstd", write_page_checksum=True)
        self.folder.write(name, content.getvalue())

    @contextmanager
    def _whole(self, name: str) -> Iterator[None]:
        """What is read in it is ours, so that whatever does not fit means damage."""
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, TypeError, LookupError):
            raise models.InputError(
                f"{shown(self.folder.url)}/{name}: is damaged; remove it and run the same again",
                code="corrupt_file",
            ) from None


def _rows(content: bytes) -> list[dict[str, Any]]:
    table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _row(place: int, comment: models.Comment) -> dict[str, Any]:
    return {"place": place, **asdict(comment)}


def _comment(row: Mapping[str, Any]) -> models.Comment:
    return models.Comment(row["text"], row["question"], row["language"], row["id"])
