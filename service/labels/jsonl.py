"""Our own form: a labelled comment a line, as training and evaluation read it."""

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import models
from service.labels.rows import Read, Row


def write(path: Path, rows: Iterable[Row], _: models.Taxonomy) -> int:
    """Write a file; how many lines."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read(path: Path) -> Iterator[Read]:
    """The rows, or in its place what is wrong with a line; blank lines are counted and no more."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if line.strip():
                yield Read(number, _row(line.removeprefix(codecs.BOM_UTF8) if number == 0 else line))


def _row(line: bytes) -> Row | models.CommentError:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return models.CommentError("the line is not UTF-8", code="invalid_encoding", field="")
    except (ValueError, RecursionError):
        return models.CommentError("the line is not JSON", code="invalid_json", field="")
    if not isinstance(row, dict):
        return models.CommentError("the line is not a JSON object", code="invalid_type", field="")
    return row
