"""A run file says only what it changes, and is refused by the name of what is wrong."""

from pathlib import Path

import pytest

from models import InputError
from training.config import DEFAULT, read_config


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "run.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_defaults_are_the_documented_file() -> None:
    assert read_config() == read_config(DEFAULT)


def test_a_run_file_is_laid_over_the_defaults(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, "seed = 7\n[loop]\nepochs = 2\n"))
    assert (config.seed, config.loop.epochs) == (7, 2)
    assert config.loop.batch_size == read_config().loop.batch_size


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sed = 1", "sed"),
        ("[loop]\nepoch = 2", r"loop\.epoch"),
        ('[loop]\nepochs = "two"', r"loop\.epochs"),
        ("[loop]\nepochs = true", r"loop\.epochs"),
        ("loop = 3", "loop"),
        ('seed = "one"', "seed"),
        ("seed = ", "run.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        read_config(write(tmp_path, text))
    assert caught.value.code == "invalid_config"
