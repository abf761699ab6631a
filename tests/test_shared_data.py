"""On real survey answers, where they are at hand: NPS by touchpoint equals a count by hand."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.command import main

ROOT = Path(__file__).parent.parent
TELECOM = ROOT.parent / "shared" / "data" / "touchpoints" / "telecom_nps.jsonl"


@pytest.mark.skipif(not TELECOM.exists(), reason="the public survey answers are not beside this checkout")
def test_nps_of_every_journey_stage_equals_a_count_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{tmp_path / 'telecom.db'}")
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")  # scores are counted, whoever tags
    filled = CliRunner().invoke(main, ["backfill", str(TELECOM)])
    assert filled.exit_code == 0, filled.output
    printed = CliRunner().invoke(main, ["touchpoints", "--json"])
    metrics = {one["touchpoint"]: one for one in json.loads(printed.output)["touchpoints"]}

    sides: dict[str, Counter[str]] = {}
    for line in TELECOM.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        score = answer.get("scores", {}).get("nps")
        if score is not None:
            side = "promoter" if score >= 9 else "detractor" if score <= 6 else "passive"
            sides.setdefault(answer["touchpoint"], Counter())[side] += 1
    assert set(metrics) == set(sides)
    for touchpoint, counted in sides.items():
        expected = 100 * (counted["promoter"] - counted["detractor"]) / counted.total()
        assert metrics[touchpoint]["nps"]["value"] == round(expected, 1)
        assert metrics[touchpoint]["nps"]["n"] == counted.total()
