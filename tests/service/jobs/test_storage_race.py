"""Files that vanish while they are looked at: two workers clear up at once."""

import os
import time
from pathlib import Path

import pytest

from service.jobs import storage


def test_a_file_that_another_worker_removes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, old = (tmp_path / f"{number:032x}.csv" for number in (1, 2))
    for file in (gone, old):
        file.write_bytes(b"id,text\n")
        os.utime(file, (time.time() - 200_000,) * 2)
    listed = list(tmp_path.iterdir())
    gone.unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    assert storage.sweep(tmp_path, ()) == 1
    assert not old.exists()
