"""Public benchmarks, on files of two lines each that we wrote."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import models
from evaluation.benchmarks import run_benchmarks
from models.errors import InputError


def write(file: Path, *lines: tuple[str, dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps({"text": text, "labels": labels}) + "\n" for text, labels in lines)
    file.write_bytes(gzip.compress(text.encode()))


def test_sides_and_classes_are_told_apart(tmp_path: Path, pipeline: models.Pipeline) -> None:
    write(
        tmp_path / "sst2/test.jsonl.gz",
        ("A great, lovely film.", {"positive": 1}),
        ("A terrible, awful bore.", {"positive": 0}),
        ("A terrible, awful triumph.", {"positive": 1}),
    )
    write(
        tmp_path / "tweeteval_sentiment/test.jsonl.gz",
        ("great, lovely day", {"sentiment": "positive"}),
        ("terrible, awful day", {"sentiment": "negative"}),
        ("awful day", {"sentiment": "negative"}),
        ("the shop opens at nine", {"sentiment": "neutral"}),
        ("great lovely shop", {"sentiment": "neutral"}),
    )
    film, tweets = run_benchmarks(pipeline, tmp_path)
    assert film.figure.value == pytest.approx(2 / 3)
    assert film.figure.n == 3
    assert tweets.figure.value == pytest.approx((1 + 1 + 0.5) / 3)


def test_what_is_not_there_is_not_run_and_what_is_odd_is_named(
    tmp_path: Path, pipeline: models.Pipeline
) -> None:
    with pytest.raises(InputError, match=r"neither sst2/test\.jsonl\.gz nor tweeteval") as none:
        run_benchmarks(pipeline, tmp_path)
    assert none.value.code == "no_benchmarks"
    write(tmp_path / "sst2/test.jsonl.gz", ("fine", {"positive": 1}), ("bad", {"stars": 1}))
    with pytest.raises(InputError, match="line 2"):
        run_benchmarks(pipeline, tmp_path)
