"""Public data sets as files for one's own categories: `taxonomy.toml`, `train.jsonl`, `test.jsonl`, few-shot draws.

nhs_fft_v6   NHS patient feedback, 46 categories, any number a comment; MIT. Descriptions are ours, written from the
             names; respondents are split 67/33 by a hash; the categories with 20 comments or more are measured.
banking77    Bank queries, 77 intents, one each; CC BY 4.0 (Casanueva et al. 2020). Its names are its descriptions;
             its own test split.
"""

import gzip
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.categorized import Categorized
from models.categories import read_categories
from models.errors import InputError

_NHS = Path(__file__).with_name("nhs_fft_v6.toml")
_TEST_SHARE = 0.33
_LEAST = 20

Split = tuple[list[Categorized], list[Categorized]]
"""To learn from, and to measure on."""


def nhs_fft_v6(source: Path, output: Path) -> Split:
    """Write the taxonomy and the categories that are measured into `output`; return both sides."""
    shutil.copyfile(_NHS, output / "taxonomy.toml")
    ids = {c.name: c.id for c in read_categories(_NHS).taxonomy.categories}
    sides: Split = ([], [])
    for line in _lines(source / "nhs_fft_v6" / "all.jsonl.gz"):
        found = tuple(ids[name] for name in line["labels"]["categories"])
        comment = Categorized(line["id"], line["text"], line["meta"]["question"], found)
        digest = hashlib.sha256(f"nhs {line['meta']['respondent']}".encode()).hexdigest()
        sides[int(digest[:8], 16) / 2**32 < _TEST_SHARE].append(comment)
    support = Counter(id for side in sides for comment in side for id in comment.categories)
    _write_measured(output, [id for id in ids.values() if support[id] >= _LEAST])
    return sides


def banking77(source: Path, output: Path) -> Split:
    """Write the taxonomy and the categories that are measured into `output`; return both sides."""
    train, test = ([*_lines(source / "banking77" / f"{part}.jsonl.gz")] for part in ("train", "test"))
    ids = {intent: _slug(intent) for intent in sorted({line["labels"]["intent"] for line in train})}
    entries = [f'[[categories]]\nid = "{id}"\nname = "{name}"\ndescription = "{name}"\n'
               for id in ids.values() for name in [id.replace("_", " ")]]  # fmt: skip
    head = 'version = "banking77"\nexclusive = true\n'
    (output / "taxonomy.toml").write_text("\n".join([head, *entries]), encoding="utf-8")
    _write_measured(output, ids.values())
    first, second = (
        [Categorized(r["id"], r["text"], None, (ids[r["labels"]["intent"]],)) for r in side]
        for side in (train, test)
    )
    return first, second


DATASETS: dict[str, Callable[[Path, Path], Split]] = {"nhs_fft_v6": nhs_fft_v6, "banking77": banking77}


def prepare(dataset: str, source: Path, output: Path, *, shots: int, seeds: int) -> list[Path]:
    """Write all files of a data set; returns them. Raises `InputError` where `source` has it not."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        train, test = DATASETS[dataset](source, output)
    except OSError as error:
        raise InputError(f"{dataset}: {error}") from error
    files = {"train.jsonl": train, "test.jsonl": test}
    for seed in range(1, seeds + 1):
        files[f"few-{shots}-{seed}.jsonl"] = few(train, shots, seed=seed)
    for name, comments in files.items():
        (output / name).write_text("".join(map(_line, comments)), encoding="utf-8")
    return [output / name for name in ("taxonomy.toml", "measured.txt", *files)]


def few(comments: Sequence[Categorized], shots: int, *, seed: int) -> list[Categorized]:
    """A draw with at least `shots` comments of each category, or all there are, as few comments as come of it."""
    order = np.random.default_rng(seed).permutation(len(comments))
    held: Counter[str] = Counter()
    chosen = []
    for place in order:
        if any(held[id] < shots for id in comments[place].categories):
            held.update(comments[place].categories)
            chosen.append(comments[place])
    return chosen


def _line(comment: Categorized) -> str:
    line = {"id": comment.id, "text": comment.text, "question": comment.question}
    return json.dumps(line | {"labels": {"categories": comment.categories}}, ensure_ascii=False) + "\n"


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _slug(name: str) -> str:
    return name.lower().strip("?")


def _write_measured(output: Path, ids: Iterable[str]) -> None:
    (output / "measured.txt").write_text("".join(f"{id}\n" for id in ids), encoding="utf-8")
