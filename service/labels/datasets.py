"""A folder that `datasets.load_dataset(FOLDER)` reads: Parquet with a card, written without that package."""

from collections.abc import Iterable, Iterator
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import models
from service.labels.rows import MENTIONS, NULLABLE, Read, Row

_FILE = "train.parquet"
_BATCH = 1_000
_EVIDENCE = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
_MENTIONS = pa.list_(pa.struct([("id", pa.string()), ("evidence", _EVIDENCE)]))
_LEVELS = ("sentiment", *NULLABLE)
_IDS = pa.list_(pa.string())
_MODEL = pa.struct(
    [
        ("version", pa.string()),
        *((name, _IDS) for name in (*MENTIONS, "categories")),
        *((name, pa.int8()) for name in _LEVELS),
        ("intent", pa.string()),
    ]
)
_OTHERS = ("sentiment", "mixed", "empathy", "effort", "loyalty", "intent", "touchpoints", "categories")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "text", "text_sha256", "question", "draw")),
        ("train", pa.bool_()),
        *((name, _MENTIONS) for name in MENTIONS),
        ("sentiment", pa.int8()),
        ("mixed", pa.bool_()),
        *((name, pa.int8()) for name in ("empathy", "effort", "loyalty")),
        ("intent", pa.string()),
        ("touchpoints", pa.list_(pa.string())),
        ("categories", pa.list_(pa.string())),
        ("judged_labels", pa.list_(pa.string())),
        ("judged_fields", pa.list_(pa.string())),
        ("model", _MODEL),
    ]
)
_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: train.parquet
---

Comments with the labels in force after people's corrections, exported by Listenwell. `judged_labels` and
`judged_fields` are what a person spoke of; the rest is the model's, whose own words are in `model`. Rows with `train`
false only measure.
"""


def write(path: Path, rows: Iterable[Row], _: models.Taxonomy) -> int:
    """Write the folder; how many rows.

    Raises `InputError` "unreadable_file" if it is a file, "output_exists" if it is a folder of something else.
    """
    if path.exists() and not path.is_dir():
        raise models.InputError(f"{path.name}: is a file and not a folder", code="unreadable_file")
    if path.exists() and any(path.iterdir()) and not (path / _FILE).exists():
        raise models.InputError(
            f"--output: {path.name} is not empty and has no {_FILE}, so it is not one of ours; name another folder",
            code="output_exists",
        )
    path.mkdir(parents=True, exist_ok=True)
    count, stream = 0, iter(rows)
    with pq.ParquetWriter(path / _FILE, _SCHEMA) as writer:
        while batch := [_flat(row) for row in islice(stream, _BATCH)]:
            writer.write_table(pa.Table.from_pylist(batch, schema=_SCHEMA))
            count += len(batch)
    (path / "README.md").write_text(_CARD, encoding="utf-8")
    return count


def read(path: Path) -> Iterator[Read]:
    """The rows of such a folder, or of its Parquet file. Raises `InputError` (`invalid_parquet`)."""
    file = path / _FILE if path.is_dir() else path
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise models.InputError(
            f"{path.name}: no Parquet that can be read", code="invalid_parquet"
        ) from error
    missing = sorted({"id", "issues", "strengths"} - set(table.column_names))
    if missing:
        raise models.InputError(f"{path.name}: has no column {missing[0]}", code="invalid_parquet")
    every = (flat for batch in table.to_batches(_BATCH) for flat in batch.to_pylist())
    yield from (Read(place, _row(flat)) for place, flat in enumerate(every))


def _flat(row: Row) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in ("labels", "judged")}
    judged = {f"judged_{name}": value for name, value in row["judged"].items()}
    flat: dict[str, Any] = plain | row["labels"] | judged
    return flat


def _row(given: dict[str, Any]) -> Row:
    flat = _whole(given)
    labels = {name: flat[name] for name in (*MENTIONS, *_OTHERS) if flat.get(name) is not None}
    row: Row = {name: flat.get(name) for name in ("id", "text", "text_sha256")} | {"labels": labels}
    if flat.get("judged_labels") is not None:
        fields = flat.get("judged_fields") or []
        row["judged"] = {"labels": flat["judged_labels"], "fields": fields}
        # Parquet has null for "not expressed" and for "not there"; what was judged is the former.
        row["labels"] |= {name: flat.get(name) for name in fields}
    if flat.get("model") is not None:
        row["model"] = _whole(flat["model"])
        row["labels"] |= {name: flat[name] for name in NULLABLE if name in flat}
    return row


def _whole(flat: dict[str, Any]) -> dict[str, Any]:
    """The same with whole numbers: pandas makes floats of a column of integers that has gaps, and NaN of a gap."""
    return flat | {name: _integer(flat[name]) for name in _LEVELS if isinstance(flat.get(name), float)}


def _integer(value: float) -> float | None:
    return None if isnan(value) else int(value) if value.is_integer() else value
