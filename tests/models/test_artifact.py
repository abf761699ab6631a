"""A model folder is refused, by the name of the file, if anything about it is not as it was sealed."""

import json
import os
import shutil
from pathlib import Path

import pytest

import models
from models import ArtifactError
from models.artifact import CONTENT, MANIFEST, open_artifact, seal


@pytest.fixture
def folder(tiny_artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_artifact, tmp_path / "model"))


def test_the_version_comes_from_the_content(folder: Path, tiny_artifact: Path) -> None:
    assert open_artifact(folder).version == open_artifact(tiny_artifact).version
    thresholds = folder / "thresholds.json"
    thresholds.write_text(thresholds.read_text().replace("0.5", "0.4"), encoding="utf-8")
    assert seal(folder) != open_artifact(tiny_artifact).version


def test_papers_do_not_change_the_version(folder: Path) -> None:
    before = open_artifact(folder).version
    (folder / "card.md").write_text("# Card", encoding="utf-8")
    assert seal(folder) == before
    (folder / "card.md").write_text("# Another", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"card\.md"):
        open_artifact(folder)


@pytest.mark.parametrize("name", [*CONTENT, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        models.load(folder)


@pytest.mark.parametrize("name", CONTENT)
def test_a_truncated_file_is_named(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-7])
    with pytest.raises(ArtifactError, match=name):
        models.load(folder)


@pytest.mark.parametrize("name", CONTENT)
def test_an_altered_file_is_named(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name} was altered"):
        models.load(folder)


def test_a_manifest_with_another_version_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["version"] = "lw-000000000000"
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match="version"):
        models.load(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 99, "files": {}}', '{"format": 1, "files": {}}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=MANIFEST):
        models.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", None),
        ("files", None),
        ("files", list(CONTENT)),
        ("model.onnx", None),
        ("model.onnx", {"bytes": 1}),
        ("model.onnx", {"sha256": "0"}),
        ("model.onnx", {"sha256": "0", "bytes": "1"}),
    ],
)
def test_a_damaged_manifest_is_refused(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (manifest["files"] if key in CONTENT else manifest)[key] = value
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match=key if key in CONTENT else MANIFEST) as caught:
        models.load(folder)
    assert MANIFEST in caught.value.detail


def test_a_manifest_without_a_version_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["version"]
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ArtifactError, match=MANIFEST):
        models.load(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder"):
        models.load(tmp_path / "nowhere")


def test_a_missing_file_cannot_be_sealed(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ArtifactError, match=r"model\.onnx"):
        seal(folder)


def test_nothing_in_it_is_a_pickle(tiny_artifact: Path) -> None:
    for file in tiny_artifact.iterdir():
        assert not file.read_bytes()[:2].startswith(b"\x80\x04"), file.name
        assert file.suffix in {".json", ".onnx", ".safetensors", ".md"}


def test_a_file_that_was_checked_long_ago_is_checked_again_once_it_is_altered(folder: Path) -> None:
    files = [each for each in folder.iterdir() if each.is_file()]
    for each in files:
        os.utime(each, (1, 1))
    assert open_artifact(folder) == open_artifact(folder)
    altered = folder / "weights.safetensors"
    data = bytearray(altered.read_bytes())
    data[-1] ^= 1
    altered.write_bytes(data)
    os.utime(altered, (1, 1))
    with pytest.raises(ArtifactError, match=r"weights\.safetensors was altered"):
        open_artifact(folder)
