"""Sums and metrics are those that pandas counts from the file; and a recount that is off by one comment is noticed."""

import json
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

import models
from service.database import write
from service.tables import rollup
from tests.recount_pandas import FILES, backfilled, differences, read_comments

EXAMPLES = Path(__file__).parents[1] / "examples" / "feedback.csv"


def unlike(engine: Engine, file: Path) -> dict[str, int]:
    """How many numbers differ, by what they are; all compared numbers are there at all."""
    found = list(differences(engine, read_comments(file, engine), models.load().calibration.errors))
    assert all(numbers > 100 for _, numbers, _ in found)
    return {what: len(wrong) for what, _, wrong in found if len(wrong)}


def test_the_examples_are_counted_as_pandas_counts_them(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    rows = pd.read_csv(EXAMPLES, dtype=str, keep_default_na=False)
    # Some name no touchpoint and count where the model thinks, and some lie about midnight in another zone.
    rows.loc[rows.index % 3 == 0, "touchpoint"] = ""
    rows.loc[rows.index % 5 == 0, "occurred_at"] = "2026-10-01T00:30:00+02:00"
    rows.to_csv(tmp_path / "feedback.csv", index=False)
    backfilled(tmp_path / "feedback.csv", database_url)
    assert unlike(engine, tmp_path / "feedback.csv") == {}

    one_detractor = rollup.c.measure == "nps_detractors"
    with write(engine) as conn:
        day = conn.scalar(
            sa.select(sa.func.max(rollup.c.day)).where(one_detractor, rollup.c.touchpoint == "*")
        )
        moved = rollup.update().where(one_detractor, rollup.c.touchpoint == "*", rollup.c.day == day)
        conn.execute(moved.values(value=rollup.c.value + 1))
    found = unlike(engine, tmp_path / "feedback.csv")
    assert found["sums of each day"] == 1
    assert set(found) >= {"sums of each day", "metrics of each month"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.partition(".")[0])
def test_real_answers_are_counted_as_pandas_counts_them(
    engine: Engine, database_url: str, tmp_path: Path, file: Path
) -> None:
    if not file.exists():
        pytest.skip("the public survey answers are not beside this checkout")
    some = tmp_path / "answers.jsonl"
    pick_some(file, some)
    backfilled(some, database_url)
    assert unlike(engine, some) == {}


def pick_some(file: Path, some: Path) -> None:
    """Three hundred of them, from the whole of the file."""
    with pd.read_json(file, lines=True, dtype=False, chunksize=10_000) as chunks:
        all = pd.concat(chunks)
    lines = all.sample(300, random_state=1).to_dict("records")
    given = ({name: value for name, value in line.items() if value == value} for line in lines)
    some.write_text("".join(f"{json.dumps(line)}\n" for line in given), encoding="utf-8")
