"""`listenwell train` from end to end: the smoke run on our own corpus, and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import models
from models.command import main

ROOT = Path(__file__).parents[2]
SMOKE = ["--config", str(ROOT / "training" / "runs" / "smoke.toml")]


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["train", *arguments])
    return done.exit_code, done.output


@pytest.mark.slow
def test_the_smoke_run_makes_a_model_that_serves(tmp_path: Path) -> None:
    output = tmp_path / "model"
    code, said = run("--data", str(ROOT / "training" / "corpus"), *SMOKE, "--output", str(output))
    assert code == 0, said
    pipeline = models.load(output)
    assert pipeline.version in said
    analysis = pipeline.analyze([models.Comment("Agent was kind but nobody ever fixed my bill.")])[0]
    assert analysis.status == "analyzed"
    card = json.loads((output / "card.json").read_text())
    assert card["version"] == pipeline.version
    assert card["training"]["onnx_float32_largest_difference"] < 1e-4
    assert card["training"]["int8_agreement_with_torch"] > 0.95
    assert card["comments"]["held_out"] == card["held_out"]["n"]
    assert pipeline.calibration.errors["unmet_expectations"].keys() == {"tp", "fp", "fn", "tn"}
    assert not (output / "checkpoint").exists()
    assert (output / "model.onnx").stat().st_size < 30_000_000

    code, said = run("--data", str(ROOT / "training" / "corpus"), *SMOKE, "--output", str(output))
    assert code == 2
    assert "output_exists" in said


def line(**fields: object) -> str:
    labels = {
        "issues": [], "strengths": [], "sentiment": 0, "mixed": False, "empathy": None, "effort": None,
        "loyalty": None, "intent": "other", "touchpoints": [],
    }  # fmt: skip
    return json.dumps({"id": "a", "text": "We were there on Monday.", "labels": labels, **fields})


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line(train=False)], "not_for_training"),
        ([line()], "too_few_comments"),
        (["{"], "invalid_labels"),
        ([line(text=None, text_sha256="0" * 64)], "invalid_labels"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path: Path, lines: list[str], code: str) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    status, said = run("--data", str(file), "--output", str(tmp_path / "model"))
    assert status == 2
    assert code in said
    assert not (tmp_path / "model").exists()


def test_labels_that_stand_off_find_their_text(tmp_path: Path) -> None:
    import hashlib

    from evaluation.gold import read_labelled, read_texts
    from models import taxonomy

    text = "We were there on Monday."
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "a", "text": text}), encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "labels.jsonl").write_text(line(text=None, text_sha256=digest), encoding="utf-8")
    texts = read_texts([tmp_path / "pool.jsonl"])
    (comment,) = read_labelled(tmp_path / "labels.jsonl", taxonomy.load(), texts)
    assert comment.text == text
    with pytest.raises(models.InputError, match="not the one that was labelled"):
        read_labelled(tmp_path / "labels.jsonl", taxonomy.load(), {"a": (text + " ", None)})


def test_texts_that_nobody_speaks_of_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").write_text('{"id": "1", "text": "Late"}\n')
    (tmp_path / "data.jsonl").write_text(line() + "\n")
    files = ["--data", str(tmp_path / "data.jsonl"), "--unlabelled", str(tmp_path / "pool.jsonl")]
    code, said = run(*files, "--output", str(tmp_path / "model"))
    assert code == 2
    assert "--unlabelled needs --teacher" in said
