"""A run's settings: `runs/default.toml` read as typed values, a run file laid over it.

config = read_config(Path("training/runs/smoke.toml"))
"""

import math
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from models.artifact import SPECIAL_TOKENS
from models.errors import InputError

DEFAULT = Path(__file__).parent / "runs" / "default.toml"
AUTO = "auto"
"""Of `network.base`: the encoder of the model that a run goes on from, all-MiniLM-L6-v2 without one."""


@dataclass(frozen=True)
class Data:
    """Where comments come from."""

    held_out: float
    limit: int
    unlabelled: int
    variations: int
    draw: int


@dataclass(frozen=True)
class Loop:
    """How the weights are fitted."""

    epochs: int
    batch_size: int
    encoder_rate: float
    heads_rate: float
    warmup: float
    weight_decay: float
    dropout: float
    clip: float
    patience: int
    labelled: float
    unlabelled: float
    half_precision: bool
    frozen_embeddings: bool
    threads: int


@dataclass(frozen=True)
class Loss:
    """What is learnt, and how much each part weighs."""

    sentence: float
    comment: float
    sentiment: float
    intent: float
    empathy: float
    rarity: float
    polarity: float
    soft: float


@dataclass(frozen=True)
class NetworkShape:
    """The encoder to start from and the shape of the network upon it."""

    base: str
    head_size: int
    max_tokens: int
    max_question_tokens: int
    max_windows: int


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run; `runs/default.toml` says what each one means."""

    seed: int
    data: Data
    loop: Loop
    loss: Loss
    network: NetworkShape

    def to_dict(self) -> dict[str, Any]:
        """As recorded in the card."""
        return asdict(self)


_SECTIONS: dict[str, type] = {
    "data": Data,
    "loop": Loop,
    "loss": Loss,
    "network": NetworkShape,
}
# A number may be what the words say. Comparisons refuse nan as well.
_Limit = tuple[str, Callable[[float], bool]]
_NOT_NEGATIVE: _Limit = ("0 or more", lambda value: 0 <= value < math.inf)
_COUNT: _Limit = ("at least 1", lambda value: value >= 1)
_SHARE: _Limit = ("from 0 to 1", lambda value: 0 <= value <= 1)
# Those that are not here must not be negative.
_LIMITS: dict[str, _Limit] = {
    "data.held_out": ("more than 0 and less than 1", lambda value: 0 < value < 1),
    "loop.batch_size": _COUNT,
    "loop.warmup": _SHARE,
    "loop.dropout": ("0 or more and less than 1", lambda value: 0 <= value < 1),
    "loop.clip": ("more than 0", lambda value: 0 < value < math.inf),
    "loop.labelled": ("more than 0 and at most 1", lambda value: 0 < value <= 1),
    "loop.unlabelled": _SHARE,
    "loop.threads": _COUNT,
    "network.head_size": _COUNT,
    "network.max_windows": _COUNT,
}


def read_config(file: Path | None = None) -> RunConfig:
    """The default settings with those of `file` laid over them.

    Raises `InputError` (code "invalid_config") naming the setting that is unknown, of the wrong type or out of its
    limits.
    """
    settings = _toml(DEFAULT)
    changes = _toml(file) if file else {}
    unknown = sorted(set(changes) - set(settings))
    if unknown:
        raise _refused(file, f"unknown setting {', '.join(unknown)}")
    sections = {
        name: _section(kind, settings[name], changes.get(name, {}), name, file)
        for name, kind in _SECTIONS.items()
    }
    seed = changes.get("seed", settings["seed"])
    if type(seed) is not int or seed < 0:
        raise _refused(file, "seed must be a whole number, 0 or more")
    config = RunConfig(seed=seed, **sections)
    _check_limits(config, file)
    return config


def _check_limits(config: RunConfig, file: Path | None) -> None:
    for name in _SECTIONS:
        for key, value in asdict(getattr(config, name)).items():
            wanted, holds = _LIMITS.get(f"{name}.{key}", _NOT_NEGATIVE)
            if not isinstance(value, str) and not holds(value):
                raise _refused(file, f"{name}.{key} must be {wanted}, not {value}")
    least = config.network.max_question_tokens + SPECIAL_TOKENS + 1
    if config.network.max_tokens < least:
        problem = f"{least} or more, to have room beside a question, not {config.network.max_tokens}"
        raise _refused(file, f"network.max_tokens must be {problem}")


def _section(kind: type, default: dict[str, Any], changes: Any, name: str, file: Path | None) -> Any:
    if not isinstance(changes, dict):
        raise _refused(file, f"{name} must be a section")
    types = {entry.name: entry.type for entry in fields(kind)}
    for key, value in changes.items():
        if key not in types:
            raise _refused(file, f"unknown setting {name}.{key}")
        if not _fits(value, types[key]):
            raise _refused(
                file, f"{name}.{key} must be of type {getattr(types[key], '__name__', types[key])}"
            )
    return kind(**{**default, **changes})


def _fits(value: Any, wanted: Any) -> bool:
    if wanted is float:
        return type(value) in (int, float)
    return type(value) is wanted


def _toml(file: Path) -> dict[str, Any]:
    try:
        # Some editors begin a file with a mark of its encoding.
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise _refused(file, str(error)) from error


def _refused(file: Path | None, problem: str) -> InputError:
    return InputError(f"run file {file.name if file else DEFAULT.name}: {problem}", code="invalid_config")
