"""What OpenVINO makes of a model on this machine, kept, so that a later start need not make it again.

    model = compiled(core, Path("model.onnx"), settings, Path.home() / ".cache/listenwell")

It takes a start some 0.3 s less, and processes share the kept file's pages. A file is made beside its place and moved
there whole, so no process ever reads half of one, and it is read only while its sha256 is what it was. Whatever fails
with the folder, the model is compiled as ever.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.artifact import digest_of
from models.openvino_alone import ov

_MOST = 8
"""Models that are kept; the one made first goes first."""
_OURS = "openvino-"
"""How the names of ours begin: what else is in the folder is somebody else's."""
_SEAL = "sha256"
_ALONE = threading.Lock()
"""Around a kept model OpenVINO sets the process's locale to C and back: two threads at once would leave it there."""


def compiled(core: ov.Core, file: Path, settings: Mapping[str, Any], kept: Path | None) -> ov.CompiledModel:
    """The model of a file, from the folder `kept` if it is there. Raises `RuntimeError` as OpenVINO does."""
    if kept is not None:
        with suppress(OSError), _ALONE:
            return _from(kept, core, file, settings)
    return core.compile_model(file, "CPU", dict(settings))


def _from(kept: Path, core: ov.Core, file: Path, settings: Mapping[str, Any]) -> ov.CompiledModel:
    place = kept / _name(core, file, settings)
    if _is_whole(place):
        return _compile(core, file, settings, place)
    shutil.rmtree(place, ignore_errors=True)
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept, prefix="new-", ignore_cleanup_errors=True) as scratch:
        model = _compile(core, file, settings, Path(scratch))
        (Path(scratch) / _SEAL).write_text(_digest(Path(scratch)), encoding="ascii")
        # Another process may have been first, and its work is as good.
        with suppress(OSError):
            os.rename(scratch, place)
    # … or be clearing up as well.
    with suppress(OSError):
        _prune(kept)
    return model


def _compile(core: ov.Core, file: Path, settings: Mapping[str, Any], folder: Path) -> ov.CompiledModel:
    return core.compile_model(file, "CPU", {**settings, "CACHE_DIR": str(folder)})


def _is_whole(place: Path) -> bool:
    """Whether it is as it was made: OpenVINO itself looks at its beginning and its length."""
    try:
        return (place / _SEAL).read_text(encoding="ascii") == _digest(place)
    except (OSError, ValueError):
        return False


def _digest(folder: Path) -> str:
    return " ".join(f"{blob.name}:{digest_of(blob)}" for blob in sorted(folder.glob("*.blob")))


def _name(core: ov.Core, file: Path, settings: Mapping[str, Any]) -> str:
    """All that the work depends on; OpenVINO, which looks at less, then always finds its own."""
    about = file.stat()
    machine = [platform.node(), core.get_property("CPU", "FULL_DEVICE_NAME"), ov.get_version()]
    # An image can hold another model of the same size and time at the same place.
    of_file = [str(file.resolve()), about.st_size, about.st_mtime_ns, digest_of(file)]
    parts = json.dumps([machine, of_file, sorted(settings.items())])
    return _OURS + hashlib.sha256(parts.encode()).hexdigest()[:16]


def _prune(kept: Path) -> None:
    made = sorted(kept.glob(f"{_OURS}*"), key=lambda place: place.stat().st_mtime, reverse=True)
    for place in made[_MOST:]:
        shutil.rmtree(place, ignore_errors=True)
