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


def test_what_is_just_within_the_limits_is_taken(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, "[loop]\nepochs = 0\nwarmup = 0\n[network]\nmax_tokens = 44\n"))
    assert (config.loop.epochs, config.network.max_tokens) == (0, 44)


@pytest.mark.parametrize("file", sorted(DEFAULT.parent.glob("*.toml")))
def test_our_own_run_files_are_within_them(file: Path) -> None:
    assert read_config(file)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sed = 1", "sed"),
        ("[loop]\nepoch = 2", r"loop\.epoch"),
        ('[loop]\nepochs = "two"', r"loop\.epochs"),
        ("[loop]\nepochs = true", r"loop\.epochs"),
        ("loop = 3", "loop"),
        ('seed = "one"', "seed"),
        ("seed = -1", "seed must be a whole number, 0 or more"),
        ("seed = ", "run.toml"),
        ("[loop]\nbatch_size = 0", r"run file run.toml: loop\.batch_size must be at least 1, not 0"),
        ("[loop]\nepochs = -1", r"loop\.epochs must be 0 or more, not -1"),
        ("[loop]\nencoder_rate = nan", r"loop\.encoder_rate must be"),
        ("[loop]\ndropout = 1", r"loop\.dropout must be"),
        ("[loop]\nclip = 0", r"loop\.clip must be"),
        ("[loop]\nwarmup = 1.5", r"loop\.warmup must be"),
        ("[loop]\nthreads = 0", r"loop\.threads must be"),
        ("[data]\nheld_out = 7", r"data\.held_out must be"),
        ("[data]\nheld_out = 0", r"data\.held_out must be"),
        ("[loss]\nrarity = -0.5", r"loss\.rarity must be"),
        ("[network]\nmax_windows = 0", r"network\.max_windows must be"),
        ("[network]\nmax_tokens = 30", r"network\.max_tokens must be 44 or more, .* not 30"),
        ("[network]\nmax_tokens = 43", r"network\.max_tokens must be"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        read_config(write(tmp_path, text))
    assert caught.value.code == "invalid_config"
