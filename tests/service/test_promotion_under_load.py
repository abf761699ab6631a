"""A model is put in force while two processes answer 50 requests a second."""

from pathlib import Path

import pytest

from tests.promoting_load import RATE, under_load
from tests.spoilt import with_thresholds


@pytest.mark.slow
def test_none_is_dropped_and_none_is_of_two_models(tiny_artifact: Path, tmp_path: Path) -> None:
    second = with_thresholds(tiny_artifact, tmp_path / "second", 0.4)
    seen, before, after = under_load(tmp_path, tiny_artifact, second, 9)
    log = (tmp_path / "log").read_text(encoding="utf-8", errors="replace")
    assert len(seen.statuses) == 9 * RATE
    assert (seen.dropped, seen.mixed) == (0, 0), log
    assert set.union(*seen.versions) == {before, after}
    # Both processes have switched: whoever answers at the end, it is the new one.
    assert seen.versions[-20:] == [{after}] * 20, log
    assert log.count(f"model {after} is in force") == 2
    assert "Traceback" not in log
