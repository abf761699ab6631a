"""The bench itself: it hands out comments once, counts rightly, judges by its limits, and says who is absent."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import models
from models.pipeline import read
from tests.bench import picture, report, targets, venvs
from tests.bench.contestants.ours import BareEncoder
from tests.bench.entries import BARE, PIPELINE, Entries, runtimes
from tests.bench.figures import Spread, percentile, ratios
from tests.bench.load import Plan, load
from tests.bench.noise import tree_seconds
from tests.bench.process import Absent, Entry, Running, this_python
from tests.bench.servers import Cores, Server, comments, running
from tests.bench.workload import gather

TEXTS = ["Agent was kind but nobody ever fixed my bill.", "Checkout was easy and quick, thank you!"]


def test_figures() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert Spread.of([]) is None
    assert ratios([4.0, 9.0], [2.0, 3.0]) == Spread(2.5, 2.0, 3.0, 2)
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_comments_are_handed_out_once_and_evenly(tmp_path: Path) -> None:
    lines = [{"text": f"The parcel came {n} days late.", "source": "shop"} for n in range(20)]
    lines += [{"text": f"The nurse in room {n} was kind.", "source": "clinic"} for n in range(5)]
    lines += [
        {"text": text, "source": "shop"} for text in ("n/a", "THE PARCEL  came 1 days late.", "late " * 201)
    ]
    file = tmp_path / "comments.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    even, plain = gather(8, 100, file=file)
    assert sum("nurse" in text for text in even.texts) == 4
    assert len(even.texts) == 8
    every = [text.lower().split() for text in even.texts + plain.texts]
    assert len(every) == 25
    assert all(every.count(words) == 1 for words in every)
    assert plain.take(10) + plain.take(7) == plain.texts
    with pytest.raises(ValueError, match="has 0 comments left"):
        plain.take(1)


def test_a_contestant_in_its_own_process(tmp_path: Path) -> None:
    place = "tests.bench.contestants.ours:WholePipeline"
    entry = Entry("weightless", "weightless", place, {"runtime": "onnx", "model": "weightless"})
    with Running(entry, this_python(), tmp_path / "log") as contestant:
        found = contestant.round(TEXTS, labels=True)
    assert found.work == 2
    assert found.cpu > 0
    assert found.rate == 2 / found.cpu
    assert found.labels is not None
    assert {"caring_treatment", "unresolved_issue"} <= set(found.labels[0])


def test_a_contestant_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    entry = Entry("none", "none", "tests.bench.contestants.nothing:Here")
    with pytest.raises(Absent, match="ModuleNotFoundError"):
        Running(entry, this_python(), tmp_path / "log")


def test_the_bare_encoder_gets_what_the_pipeline_encodes() -> None:
    bare = BareEncoder(runtimes()[0])
    number, batches = bare.prepare(TEXTS)
    rows = sum(len(part) for logits in bare.run((number, batches)) for part in logits)
    readings = [read(models.Comment(text)) for text in TEXTS]
    assert number == 2
    assert rows >= sum(len(reading.spans) for reading in readings)


def test_environments_are_not_made_unasked(tmp_path: Path) -> None:
    nowhere = venvs.Environment("nowhere", ("nowhere",), "listenwell_has_no_such_module")
    with pytest.raises(Absent, match="is not installed; --rivals all"):
        venvs.python_of(nowhere, tmp_path, make=False)
    assert venvs.python_of(venvs.Environment("here", (), "models"), tmp_path, make=False) == Path(
        sys.executable
    )


def test_the_load_sends_each_body_once_and_counts_refusals() -> None:
    got: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            assert head.startswith(b"POST /here ")
            fields = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(fields.partition(b"content-length:")[2].split()[0])
            got.append((await reader.readexactly(length)).decode())
            if got[-1] == "cut":
                break
            status = b"503 Busy" if got[-1] == "7" else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def both() -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            bodies = [str(number) for number in range(20)] + ["cut"]
            return await load(Plan(server.sockets[0].getsockname()[1], "/here", bodies, 4, 5.0))

    outcome = asyncio.run(both())
    assert sorted(got) == sorted([str(number) for number in range(20)] + ["cut"])
    assert (outcome.answered, outcome.refused, len(outcome.latencies)) == (19, 2, 20)
    assert 0 < outcome.seconds < 5


def test_a_server_that_ends_is_absent(tmp_path: Path) -> None:
    server = Server("ends", "ends", lambda port: [sys.executable, "-c", "raise SystemExit(3)"], "/", comments)
    with pytest.raises(Absent, match="status 3"), running(server, Cores([], []), tmp_path / "log"):
        raise AssertionError("it never answered")


def test_our_seconds_are_those_of_our_children_too() -> None:
    before = tree_seconds()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert tree_seconds() - before >= 0.25


def test_every_contestant_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = [entry.name for entry, _ in Entries(tmp_path, make=False).contestants()]
    assert len(names) == len(set(names))
    assert {BARE, PIPELINE, "transformers", "default-int8"} <= set(names)


FIGURES = ("wall_rate", "peak_mb", "others")
SERVER = (
    "first_answer_s",
    "first_answer_cpu_s",
    "largest_process_mb",
    "all_processes_mb",
    "same_labels",
    "bare",
)


def spread(value: float) -> dict[str, Any]:
    return Spread(value, value, value, 3).to_dict()


def entered(name: str, rates: list[float], **more: Any) -> dict[str, Any]:
    about = {"name": name, "title": name, "group": "ours", "rates": rates}
    return about | {"absent": None, "rate": None} | more


def results() -> dict[str, Any]:
    """A run with two servers and a rival that is absent."""
    rates = {BARE: 100.0, PIPELINE: 90.0, "transformers": 5.0}
    contestants = [
        entered(name, [rate] * 3, rate=spread(rate)) | {figure: spread(1.0) for figure in FIGURES}
        for name, rate in rates.items()
    ]
    contestants.append(entered("SetFit", [], absent="it is <not> there") | dict.fromkeys(FIGURES))
    cell = {"rate": 80.0, "wall_rate": 70.0, "p50": 9.0, "p95": 9.5, "p99": 10.0, "n": 50.0, "refused": 0.0}
    cell |= {"client_cores": 0.1, "others": 0.5}
    cells = {
        "c32": {name: spread(value) for name, value in cell.items()}
        | {"rounds": [cell], "of_bare": spread(0.8), "of_bare_wall": spread(0.7)}
    }
    facts = {name: spread(1.4) for name in SERVER}
    ours = {"name": "listenwell", "title": "ours", "absent": None, "cells": cells} | facts
    return {
        "measured_at": "2026-11-22T09:00:00Z",
        "machine": {"processor": "P", "cores": 2, "flags": []},
        "terms": {"rounds": 3, "comments": 8, "serving_rounds": 1, "quick": True}
        | {"server_cores": [0], "client_cores": [1]},
        "workload": {
            "all": {"comments": 9, "source": "s", "words": {"median": 1, "p90": 2, "p99": 3, "most": 4}}
        },
        "operations": 0.5,
        "throughput": contestants,
        "serving": [ours],
        "serving_absent": {"infinity": "no such package"},
        "backfill": None,
        "long": None,
        "fidelity": {"absent": "fidelity: no torch"},
    }


def test_targets_are_judged_by_their_limits() -> None:
    judged = {one["title"]: one for one in targets.judge(results())}
    assert judged["pipeline, of transformers pipeline"]["found"]["median"] == 18
    found = {title: one["reached"] for title, one in judged.items()}
    assert found["pipeline, of transformers pipeline"] is True
    assert found["pipeline, of sentence-transformers + head"] is None
    assert found["HTTP, 32 connections, of the bare encoder"] is True
    assert found["HTTP, 32 connections, of the bare encoder, clock"] is False
    assert found["first answer after the start of the process"] is True
    assert found["p99 at 32 connections, infinity's of ours"] is None


def test_the_table_says_who_is_absent_and_that_it_was_not_quiet() -> None:
    given = results()
    given["targets"] = targets.judge(given)
    text = report.text(given)
    assert "absent: SetFit: it is <not> there" in text
    assert "absent: infinity: no such package" in text
    assert "absent: fidelity: no torch" in text
    assert "NOT QUIET" in text
    assert "MISSED" in text


def test_the_picture_is_an_svg_with_all_that_was_measured() -> None:
    given = results()
    given["targets"] = targets.judge(given)
    drawn = ElementTree.fromstring(picture.draw(given))
    words = {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {PIPELINE, "transformers", "ours"} <= words
    assert "SetFit" not in words
