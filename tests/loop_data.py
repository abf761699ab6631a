"""What the experiment on corrections learns from and is measured on: see `tests/loop_experiment.py`.

    parts = part(folder, industry="health", size=0)    # labelled files in a folder

base.jsonl       the other industries: what the first model learns from, and every later one again
pool.jsonl       the industry that it has not seen: people correct some of these
there.jsonl      held out of that industry
elsewhere.jsonl  held out of the others
new.jsonl        industries that nothing is learnt from (`dev.jsonl`)

Near-duplicates are all held out or none.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.split import held_out

FEEDBACK = Path(__file__).parents[2] / "shared" / "data" / "feedback"
HELD_OUT = 0.3
_SEED = 11
Line = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """The files; `pool` are the lines of pool.jsonl in the order in which chance draws them."""

    base: Path
    there: Path
    elsewhere: Path
    new: Path
    pool: list[Line]


def part(folder: Path, *, industry: str, size: int = 0) -> Parts:
    """Write the files; with a `size` the pool and what is measured on are cut to so many comments each."""
    lines = _lines(FEEDBACK / "train.jsonl")
    sides = held_out([line["text"] for line in lines], HELD_OUT, seed=_SEED)
    parts: dict[str, list[Line]] = {"base": [], "pool": [], "there": [], "elsewhere": []}
    for line, held in zip(lines, sides, strict=True):
        of_it = line["industry"] == industry
        name = ("there" if of_it else "elsewhere") if held else ("pool" if of_it else "base")
        parts[name].append(line)
    parts["new"] = _lines(FEEDBACK / "dev.jsonl")
    for name, found in parts.items():
        random.Random(_SEED).shuffle(found)
        if size and name != "base":
            del found[size:]
        _write(folder / f"{name}.jsonl", found)
    files = {name: folder / f"{name}.jsonl" for name in parts if name != "pool"}
    return Parts(**files, pool=parts["pool"])


def _lines(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _write(file: Path, lines: list[Line]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
