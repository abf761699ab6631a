"""The experiment on corrections measures on nothing that it learns from."""

import json
from pathlib import Path

import pytest

from evaluation.frozen import hashes_of
from tests.loop_data import FEEDBACK, part


@pytest.mark.skipif(not FEEDBACK.exists(), reason="the labelled comments are not beside this checkout")
def test_the_parts_are_apart(tmp_path: Path) -> None:
    parts = part(tmp_path, industry="finance", size=150)
    files = {"base": parts.base, "there": parts.there, "elsewhere": parts.elsewhere, "new": parts.new}
    lines = {
        name: [json.loads(line) for line in file.read_text().splitlines()] for name, file in files.items()
    }
    assert {line["industry"] for line in [*parts.pool, *lines["there"]]} == {"finance"}
    assert "finance" not in {line["industry"] for line in lines["base"] + lines["elsewhere"]}
    learnt = hashes_of(line["text"] for line in [*lines["base"], *parts.pool])
    for name in ("there", "elsewhere", "new"):
        assert not hashes_of(line["text"] for line in lines[name]) & learnt
    assert len(parts.pool) == 150
    assert part(tmp_path, industry="finance", size=150) == parts
