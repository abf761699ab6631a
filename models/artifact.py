"""A model on disk: one folder, checked file by file, no pickle.

    manifest.json      format, version, sha256 and size of every other file; written last
    config.json        how the encoder and its heads are built and read (`EncoderConfig`)
    taxonomy.json      what the model was trained to say
    tokenizer.json     Hugging Face tokenizers format
    weights.safetensors  what retraining starts from, and what torch serves
    model.onnx         what ONNX Runtime serves
    calibration.json   logits to probabilities, and the error rates on held-out comments
    thresholds.json    where a probability becomes a label
    card.json, card.md what it was trained on, how well it does, what it cannot do
    learnt.txt         hashes of the texts that it was trained on (evaluation/frozen.py)

The version is a hash of the content: the same files have the same version wherever they lie.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.errors import ArtifactError

FORMAT = 1
MANIFEST = "manifest.json"
CONTENT = (
    "config.json",
    "taxonomy.json",
    "tokenizer.json",
    "weights.safetensors",
    "model.onnx",
    "calibration.json",
    "thresholds.json",
)
LEARNT = "learnt.txt"
PAPERS = ("card.json", "card.md", LEARNT)  # about the model, not of it: they do not change its version
_FRESH = 5.0
"""Seconds within which a file may be written twice and the file system not tell."""


SPECIAL_TOKENS = 3
"""Of a window, beside its question and its clauses: [CLS] [SEP] [SEP], with a question or without."""


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of the encoder. `max_tokens` counts a window with its question and special tokens.

    `architecture` is "bert" or "mpnet": a shipped model is a BERT, a teacher may be either.
    """

    base: str
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    vocab_size: int
    max_positions: int
    head_size: int
    max_tokens: int = 256
    max_question_tokens: int = 40
    max_windows: int = 64
    architecture: str = "bert"


@dataclass(frozen=True)
class Artifact:
    """An opened folder whose files are what its manifest says."""

    path: Path
    version: str
    config: EncoderConfig

    def json(self, name: str) -> Any:
        """One of the JSON files. Raises `ArtifactError` if it is not JSON."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ArtifactError(f"model {self.path.name}: {name}: {error}") from error


def open_artifact(path: Path) -> Artifact:
    """Check a folder against its manifest and open it.

    Raises `ArtifactError` naming the file that is missing, truncated or altered.
    """
    manifest = _read_manifest(path)
    for name, entry in manifest["files"].items():
        _check(path, name, entry)
    version = version_of({name: manifest["files"][name]["sha256"] for name in CONTENT})
    if version != manifest["version"]:
        raise ArtifactError(f"model {path.name}: {MANIFEST}: its version is not that of its files")
    try:
        config = EncoderConfig(**json.loads((path / "config.json").read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"model {path.name}: config.json: {error}") from error
    return Artifact(path=path, version=version, config=config)


def write_json(path: Path, data: Any) -> None:
    """Write JSON that diffs well."""
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def write_config(path: Path, config: EncoderConfig) -> None:
    """Write config.json."""
    write_json(path / "config.json", asdict(config))


def seal(path: Path) -> str:
    """Write the manifest of a finished folder, last of all, and return the version.

    Raises `ArtifactError` if a file is missing.
    """
    names = [*CONTENT, *(name for name in PAPERS if (path / name).exists())]
    missing = [name for name in CONTENT if not (path / name).is_file()]
    if missing:
        raise ArtifactError(f"model {path.name}: missing {', '.join(missing)}")
    files: dict[str, Any] = {
        name: {"sha256": digest_of(path / name), "bytes": (path / name).stat().st_size} for name in names
    }
    version = version_of({name: files[name]["sha256"] for name in CONTENT})
    write_json(path / MANIFEST, {"format": FORMAT, "version": version, "files": files})
    return version


def content_version(path: Path) -> str:
    """The version of a folder that is not sealed yet: its papers are still to be written."""
    return version_of({name: digest_of(path / name) for name in CONTENT})


def version_of(digests: Mapping[str, str]) -> str:
    """The version string of files with these digests."""
    joined = "\n".join(f"{name} {digests[name]}" for name in sorted(digests))
    return "lw-" + hashlib.sha256(joined.encode()).hexdigest()[:12]


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise ArtifactError(f"model {path}: no such folder")
    try:
        manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"model {path.name}: {MANIFEST} is missing") from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"model {path.name}: {MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactError(f"model {path.name}: {MANIFEST}: not of format {FORMAT}")
    _check_manifest(path, manifest.get("version"), manifest.get("files"))
    return manifest


def _check_manifest(path: Path, version: Any, files: Any) -> None:
    """Whether all is there that is read of a manifest, and of its type."""
    if not isinstance(version, str) or not isinstance(files, dict):
        raise ArtifactError(f"model {path.name}: {MANIFEST}: it has no version or no list of files")
    absent = sorted(set(CONTENT) - set(files))
    if absent:
        raise ArtifactError(f"model {path.name}: {MANIFEST} does not list {', '.join(absent)}")
    for name, entry in files.items():
        known = entry if isinstance(entry, dict) else {}
        if not isinstance(known.get("sha256"), str) or type(known.get("bytes")) is not int:
            raise ArtifactError(f"model {path.name}: {MANIFEST}: {name} needs its sha256 and its bytes")


def _check(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    file = path / name
    if file.parent != path or not file.is_file():
        raise ArtifactError(f"model {path.name}: {name} is missing")
    size = file.stat().st_size
    if size != entry["bytes"]:
        raise ArtifactError(
            f"model {path.name}: {name} has {size:,} bytes, its manifest says {entry['bytes']:,}"
        )
    if digest_of(file) != entry["sha256"]:
        raise ArtifactError(f"model {path.name}: {name} was altered: its sha256 is not the manifest's")


def digest_of(file: Path) -> str:
    """Of a file that was written a while ago, remembered until it is written again: a start asks several times."""
    found = file.stat()
    if time.time() - found.st_mtime < _FRESH:
        return _read_digest(file)
    return _remembered_digest(file, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


@lru_cache(maxsize=64)
def _remembered_digest(file: Path, *state: int) -> str:
    return _read_digest(file)


def _read_digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
