"""What OpenVINO made of a model is kept, shared, and never in the way."""

import locale
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import models
from models.compiled import _name
from models.loading import DEFAULT
from models.openvino_alone import ov
from service.settings import Settings

COMMENTS = [models.Comment(text) for text in ("The app crashes.", "Kind nurse, long wait.", "Meh")]


def said(compiled: Path | None = None) -> list[models.Analysis]:
    found = models.load(compiled=compiled).analyze(COMMENTS)
    return [replace(analysis, analyzed_at="") for analysis in found]


def blobs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.blob"))


def test_the_next_one_takes_what_is_there_and_says_the_same(tmp_path: Path) -> None:
    plain = said()
    for _ in range(2):
        assert said(tmp_path) == plain
        (kept,) = blobs(tmp_path)
        before = kept.stat().st_mtime_ns
    assert kept.stat().st_mtime_ns == before
    assert [place for place in tmp_path.iterdir() if place.name.startswith("new-")] == []


def test_half_a_file_is_made_anew(tmp_path: Path) -> None:
    plain = said(tmp_path)
    (kept,) = blobs(tmp_path)
    whole = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(whole[: len(whole) // 2])
    assert said(tmp_path) == plain
    # It is not the same file each time, byte by byte.
    assert kept.stat().st_size > 0.9 * len(whole)


def test_a_file_with_a_hole_is_made_anew(tmp_path: Path) -> None:
    plain = said(tmp_path)
    (kept,) = blobs(tmp_path)
    whole = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(whole[:-300_000] + bytes(4096) + whole[-300_000 + 4096 :])
    assert said(tmp_path) == plain
    (anew,) = blobs(tmp_path)
    assert bytes(4096) not in anew.read_bytes()[-400_000:]


def test_another_model_of_the_same_size_and_time_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    names = []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        os.utime(file, (1, 1))
        names.append(_name(ov.Core(), file, {}))
    assert names[0] != names[1]


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert said(file / "below") == said()


def test_only_the_newest_of_ours_are_kept(tmp_path: Path) -> None:
    for name in ("openvino-", "another's-"):
        for number in range(9):
            (tmp_path / f"{name}{number}").mkdir()
            os.utime(tmp_path / f"{name}{number}", (number, number))
    models.load(DEFAULT, compiled=tmp_path)
    left = {place.name for place in tmp_path.iterdir()}
    assert len(left) == 8 + 9
    assert {"openvino-0", "openvino-1"}.isdisjoint(left)


def test_threads_leave_the_locale_as_it_is(tmp_path: Path) -> None:
    said(tmp_path)
    before = locale.setlocale(locale.LC_ALL, None)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(said, [tmp_path] * 8))
    assert locale.setlocale(locale.LC_ALL, None) == before


def test_nothing_is_reported_to_elsewhere(tmp_path: Path) -> None:
    code = "import sys, models; models.load(); print(any('telemetry.' in name for name in sys.modules))"
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(DEFAULT.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    assert list(tmp_path.rglob("*")) == []


def test_the_folder_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENWELL_COMPILED", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().compiled_folder == tmp_path / "listenwell"
    assert Settings(compiled=tmp_path / "own").compiled_folder == tmp_path / "own"
