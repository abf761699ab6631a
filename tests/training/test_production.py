"""From corrections in the store to a model that goes on from the one in force."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

import models
from evaluation.frozen import learnt_by
from models.artifact import LEARNT
from models.command import main
from models.loading import facts_of
from service.analyse import Desk
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.privacy.erasing import erase_comment
from service.promotion import repository
from service.review.tables import audit_draw
from service.settings import Settings
from tests.labelled import labelled_line, twelve, write_lines
from training.data import read_corpus
from training.production import from_production

ROOT = Path(__file__).parents[2]


@pytest.fixture
def corrected(
    engine: Engine, database_url: str, pipeline: models.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve comments of four customers, ten of them corrected, one of those drawn for the audit."""
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.delenv("LISTENWELL_MODEL", raising=False)
    settings = Settings(database_url=database_url, audit_rate=0)
    items = [
        {"id": f"c{at}", "text": f"Nobody told me why, case {at}.", "customer_id": f"u{at % 4}"}
        for at in range(12)
    ]
    assert not Desk(engine, pipeline.analyze, settings).record(items).errors
    said = read_correction(
        {"labels": {"add": ["poor_communication"], "remove": []}, "actor": "anna"}, pipeline.taxonomy, "key"
    )
    with write(engine) as conn:
        keys = {number: correct(conn, "default", f"c{number}", said).stored.key for number in range(10)}
        drawn = {
            "tenant": "default",
            "lot": 0.5,
            "probability": 0.02,
            "model_version": "m",
            "tags": [],
            "wanted": 1,
        }
        now = {"answered": 0, "drawn_at": _now(conn)}
        conn.execute(audit_draw.insert().values(comment_key=keys[3], **drawn, **now))


def _now(conn: object) -> object:
    from service.clock import database_time

    return database_time(conn)  # type: ignore[arg-type]


@pytest.mark.usefixtures("corrected")
def test_what_is_taken_from_the_store() -> None:
    with from_production("default") as (start, file, audited):
        drawn = [json.loads(line)["id"] for line in audited.read_text(encoding="utf-8").splitlines()]
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert drawn == ["c3"]
    assert facts_of(start).version == facts_of("default").version
    assert {row["id"] for row in rows} == {f"c{number}" for number in range(10)} - {"c3"}
    groups = {row["id"]: row["group"] for row in rows}
    assert groups["c0"] == groups["c4"] == groups["c8"] != groups["c1"]
    assert "u0" not in groups.values()
    assert not file.exists()
    with pytest.raises(models.InputError, match="nobody corrected") as caught, from_production("other"):
        pass
    assert caught.value.code == "nothing_to_train"


@pytest.mark.usefixtures("corrected")
def test_old_exports_follow_the_store(engine: Engine, tmp_path: Path) -> None:
    """What was erased since is gone from old files too, and of a comment in two files the later labels count."""
    with from_production("default") as (_, file, _audited):
        old = Path(shutil.copy(file, tmp_path / "old.jsonl"))
    with write(engine) as conn:
        assert erase_comment(conn, "default", "c1", "anna")
        later = {"labels": {"remove": ["poor_communication"]}, "actor": "ben"}
        correct(conn, "default", "c2", read_correction(later, models.taxonomy.load(), "key"))
    others = write_lines(tmp_path / "others.jsonl", twelve())
    with from_production("default") as (_, file, _audited):
        corpus = read_corpus([old, others], models.taxonomy.load(), share=0.3, seed=1, production=file)
    found = [*corpus.training, *corpus.held_out]
    assert corpus.gone == 1
    assert sum(one.text == "Nobody told me why, case 1." for one in found) == 0
    (changed,) = [one for one in found if one.text == "Nobody told me why, case 2."]
    assert not changed.labels.issues
    assert {record["file"]: record["comments"] for record in corpus.files} == {
        "old.jsonl": 0,
        "others.jsonl": 12,
        "corrections.jsonl": 8,
    }


@pytest.mark.usefixtures("corrected")
def test_what_the_audit_drew_is_not_learnt_from_other_files_either(tmp_path: Path) -> None:
    text = "Nobody told me why, case 3."
    same, other_id = (labelled_line(id, text, issues={"poor_communication": text}) for id in ("c3", "x"))
    others = write_lines(tmp_path / "others.jsonl", [*twelve()[4:], same, other_id])
    with from_production("default") as (_, file, audited):
        corpus = read_corpus(
            [others], models.taxonomy.load(), share=0.3, seed=1, production=file, audited=audited
        )
    assert corpus.audited == 2
    assert text not in {one.text for one in (*corpus.training, *corpus.held_out)}


@pytest.mark.slow
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("corrected")
def test_a_model_goes_on_from_the_one_in_force(engine: Engine, tmp_path: Path) -> None:
    output, corpus = tmp_path / "next", str(ROOT / "training" / "corpus")
    # No epochs: what is taken where is the question, and not what is learnt.
    quick = tmp_path / "quick.toml"
    quick.write_text("[data]\nlimit = 40\n\n[loop]\nepochs = 0\nhalf_precision = false\n")
    command = [
        "train",
        "--from",
        "production",
        "--data",
        corpus,
        "--teacher",
        str(ROOT / "models" / "default"),
    ]
    done = CliRunner().invoke(main, [*command, "--config", str(quick), "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert "teachers:" not in done.output  # nobody would hear them
    card = json.loads((output / "card.json").read_text())
    assert card["training"]["start"]["version"] == facts_of("default").version
    assert (output / LEARNT).exists() == (learnt_by("default") is not None)
    assert "Nobody told me why" not in "".join(file.read_text() for file in output.glob("*.json"))
    with read(engine) as conn:
        assert repository.current(conn) is None
