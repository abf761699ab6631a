"""Reads comments in which personal data is marked: `My name is {name:Ada}.`"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from models.errors import InputError
from models.masking.kinds import KINDS, Kind
from models.masking.masker import Hidden

FOLDER = Path(__file__).with_name("comments")
_MARK = re.compile(r"\{(\w+):([^{}]+)\}")


@dataclass(frozen=True)
class Marked:
    """A comment without its marks, and the stretches that were marked; offsets in code points, end exclusive."""

    text: str
    spans: tuple[Hidden, ...]


def read_marked(path: Path) -> list[Marked]:
    """The comments of a file, one a line. Raises `InputError` naming the line whose mark is of no known kind."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        _parse(line.replace("\\n", "\n"), f"{path.name}:{number}") for number, line in enumerate(lines, 1)
    ]


def _parse(line: str, place: str) -> Marked:
    text, spans, done = "", [], 0
    for mark in _MARK.finditer(line):
        if mark[1] not in KINDS:
            raise InputError(f"{place}: {mark[1]!r} is no kind of personal data", code="invalid_value")
        text += line[done : mark.start()]
        spans.append(Hidden(cast(Kind, mark[1]), len(text), len(text) + len(mark[2])))
        text, done = text + mark[2], mark.end()
    return Marked(text + line[done:], tuple(spans))
