"""The label audit finds what was put there: wrong labels, contradictions, a person who drifts."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

import models
from evaluation.gold import LabelledComment, Said, label_matrix, read_labelled
from models.command import main
from service.analyse import Desk
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import write
from service.settings import Settings
from tests.labelled import labelled_line, twelve, write_lines
from training.auditing.annotators import annotators
from training.auditing.conflicts import conflicts, contradictions
from training.auditing.out_of_fold import Seen
from training.auditing.suspects import suspects

ROOT = Path(__file__).parents[2]
TAXONOMY = models.taxonomy.load()
NAMES = [label.id for label in TAXONOMY.labels]
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def audited() -> tuple[list[LabelledComment], Seen]:
    """Six hundred comments of the corpus, as the cheap model sees them."""
    files = [ROOT / "training" / "corpus" / f"{name}.jsonl" for name in "bk"]
    comments = [comment for file in files for comment in read_labelled(file, TAXONOMY)][:600]
    return comments, Seen.of(comments)


def test_planted_errors_are_found(audited: tuple[list[LabelledComment], Seen]) -> None:
    comments, seen = audited
    truth = label_matrix(comments, TAXONOMY)
    wrong = truth.copy()
    draw, planted = random.Random(4), set()
    # A tenth of the comments with one of the four commonest labels lose it or get another of them.
    common = np.argsort(-truth.sum(axis=0))[:4].tolist()
    for place in draw.sample(range(len(comments)), 60):
        column = draw.choice(common)
        wrong[place, column] = ~wrong[place, column]
        planted.add((place, column))
    found = [
        (one.place, one.column) for one in suspects(wrong, seen.out_of_fold(wrong)) if one.column in common
    ]
    hits = len(planted & set(found))
    precision, recall = hits / len(found), hits / len(planted)
    chance = len(planted) / (len(comments) * len(common))
    sys.stdout.write(
        f"{hits} of {len(planted)} among {len(found)}: {precision:.2f}, {recall:.2f}; {chance:.3f}\n"
    )
    assert recall > 0.4
    assert precision > 5 * chance
    first = found[: len(planted) // 2]  # the list begins with the surest
    assert len(planted & set(first)) / len(first) > 10 * chance


def test_a_twin_is_never_in_another_fold(tmp_path: Path) -> None:
    """Each text twice with the same wrong label: with its twin in the training folds the model would know it."""
    lines = []
    for at in range(60):
        text = f"Case {at}: the {'parcel came late' if at % 2 else 'staff was kind'} on {at * 7} {at * 13}"
        issue = {"unmet_expectations": text} if at % 2 else {}
        if at < 4:
            issue = {} if issue else {"unmet_expectations": text}
        lines += [labelled_line(f"{at}-{twin}", text, issues=issue) for twin in range(2)]
    comments = read_labelled(write_lines(tmp_path / "twins.jsonl", lines), TAXONOMY)
    truth = label_matrix(comments, TAXONOMY)
    found = suspects(truth, Seen.of(comments).out_of_fold(truth))
    assert {comments[one.place].id for one in found} == {
        f"{at}-{twin}" for at in range(4) for twin in range(2)
    }


def test_near_duplicates_that_differ_are_listed(tmp_path: Path) -> None:
    late = "The parcel came two weeks late and nobody said a word"
    told = {"unmet_expectations": "The parcel came two weeks late"}
    lines = [
        labelled_line("a", late, issues=told),
        labelled_line("b", late.upper() + "!", fields={"question": None}),
        labelled_line("c", late, issues=told, fields={"question": "What went well?"}),
        labelled_line("d", "The staff was kind to my mother"),
    ]
    comments = read_labelled(write_lines(tmp_path / "d.jsonl", lines), TAXONOMY)
    (one,) = conflicts(comments)
    assert (one.label, one.having, one.lacking) == ("unmet_expectations", (0,), (1,))


def test_contradictions_are_of_last_words(tmp_path: Path) -> None:
    line = labelled_line("a", "The agent was rude.")
    line["said"] = [
        _said("anna", 0, lack_of_empathy=True, easy_to_use=True),
        _said("ben", 1, lack_of_empathy=False, easy_to_use=False),
        _said("anna", 2, easy_to_use=False),
    ]
    comments = read_labelled(write_lines(tmp_path / "s.jsonl", [line]), TAXONOMY)
    (one,) = contradictions(comments)
    assert (one.label, one.yes, one.no) == ("lack_of_empathy", ("anna",), ("ben",))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([{"actor": "anna", "at": "yesterday", "labels": {}}], "said[0].at"),
        ([{"actor": "anna", "at": "2026-11-02", "labels": {"rudeness": True}}], "said[0].labels"),
        ([{"actor": "", "at": "2026-11-02", "labels": {}}], "said[0].actor"),
        ("anna", "said: must be a list"),
    ],
)
def test_what_people_said_is_checked(tmp_path: Path, said: Any, problem: str) -> None:
    file = write_lines(tmp_path / "s.jsonl", [labelled_line("a", "Fine.") | {"said": said}])
    with pytest.raises(models.InputError) as caught:
        read_labelled(file, TAXONOMY)
    assert problem in caught.value.detail


def test_who_drifts_is_told_and_who_is_steady_is_not(
    audited: tuple[list[LabelledComment], Seen],
) -> None:
    """Ben labels the second half of his comments by a coin; Anna goes on as before."""
    comments, seen = audited
    truth, coin = label_matrix(comments, TAXONOMY), random.Random(9)
    chances = seen.out_of_fold(truth)
    told = []
    for place, comment in enumerate(comments[:400]):
        actor, careless = ("ben", place >= 200) if place % 2 else ("anna", False)
        verdicts = {
            name: bool(coin.random() < 0.5 if careless else truth[place, column])
            for column, name in enumerate(NAMES)
        }
        told.append(replace(comment, said=(Said(actor, MONDAY + timedelta(hours=place), verdicts),)))
    anna, ben = annotators(told, chances[:400], {name: at for at, name in enumerate(NAMES)})
    assert ben.drift is not None
    assert ben.drift.drifts
    assert ben.drift.high < 0
    assert ben.drift.since == MONDAY + timedelta(hours=201)
    assert anna.drift is not None
    assert not anna.drift.drifts
    assert anna.with_model is not None
    assert anna.with_model.low < anna.with_model.value < 1
    assert anna.with_others is None


def test_from_the_store_to_the_list(
    engine: Engine,
    database_url: str,
    pipeline: models.Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two people contradict each other; the export tells who said what, and the audit names both."""
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    settings = Settings(database_url=database_url, audit_rate=0)
    assert (
        not Desk(engine, pipeline.analyze, settings).record([{"id": "c0", "text": "Nobody told me."}]).errors
    )
    for actor, change in (("anna", "add"), ("ben", "remove")):
        said = {"labels": {change: ["poor_communication"]}, "actor": actor}
        with write(engine) as conn:
            correct(conn, "default", "c0", read_correction(said, TAXONOMY, "key"))
    exported, listed = tmp_path / "labels.jsonl", tmp_path / "suspects.jsonl"
    done = CliRunner().invoke(main, ["labels", "export", "--output", str(exported)])
    assert done.exit_code == 0, done.output
    slow, kind = "The parcel came late", "The staff was kind"

    def ending(at: int) -> str:
        """So that no two are near-duplicates."""
        return f"on {at} {at * 7} {at * 13} {at * 31}"

    lines = [
        labelled_line(str(at), f"{slow} {ending(at)}", issues={"unmet_expectations": slow})
        if at % 2
        else labelled_line(str(at), f"{kind} {ending(at)}")
        for at in range(40)
    ]
    old = write_lines(tmp_path / "old.jsonl", lines)
    # Of an earlier export of the same comment nothing is counted again.
    earlier = write_lines(tmp_path / "earlier.jsonl", map(json.loads, exported.read_text().splitlines()))
    data = [word for file in (earlier, exported, old) for word in ("--data", str(file))]
    done = CliRunner().invoke(main, ["labels", "audit", *data, "--output", str(listed)])
    assert done.exit_code == 0, done.output
    assert "41 labelled comments" in done.output
    assert "1 labels on which people contradict each other" in done.output
    findings = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    (one,) = [finding for finding in findings if finding["kind"] == "contradiction"]
    assert (one["id"], one["label"], one["yes"], one["no"]) == ("c0", "poor_communication", ["anna"], ["ben"])
    assert one["file"] == "labels.jsonl"
    people = {finding["actor"]: finding["comments"] for finding in findings if finding["kind"] == "annotator"}
    assert people == {"anna": 1, "ben": 1}


@pytest.mark.parametrize(("name", "code"), [("s.csv", "unknown_format"), ("s.html", "too_few_comments")])
def test_what_cannot_be_audited_is_refused(tmp_path: Path, name: str, code: str) -> None:
    data, output = write_lines(tmp_path / "twelve.jsonl", twelve()), tmp_path / name
    done = CliRunner().invoke(main, ["labels", "audit", "--data", str(data), "--output", str(output)])
    assert done.exit_code == 2
    assert f"[{code}]" in done.output
    assert not output.exists()


def test_without_the_extra_the_help_is_there_and_the_audit_says_what_it_needs(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "twelve.jsonl", twelve())
    code = "import sys; sys.modules['cleanlab'] = None; from models.command import main; main()"
    command = [sys.executable, "-c", code, "labels"]
    help_text = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert help_text.returncode == 0, help_text.stderr
    assert "audit" in help_text.stdout
    audit = subprocess.run([*command, "audit", "--data", str(data)], cwd=ROOT, capture_output=True, text=True)
    assert (audit.returncode, "labels audit needs cleanlab" in audit.stderr) == (2, True), audit.stderr


def test_the_page_escapes_what_customers_wrote() -> None:
    from training.auditing.listing import Listing
    from training.auditing.page import render

    told = {"file": "f.jsonl", "id": "a", "text": "<script>1</script>", "question": None}
    listed = Listing(
        [
            {"kind": "suspect", **told, "label": "easy_to_use", "labelled": True, "probability": 0.01},
            {"kind": "duplicates", "label": "easy_to_use", "having": [told], "having_n": 1}
            | {"lacking": [told], "lacking_n": 30},
        ],
        ["lack_of_omnichannel"],
    )
    page = render(listed, comments=2)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "and 29 more" in page


def _said(actor: str, hours: int, **labels: bool) -> dict[str, Any]:
    return {"actor": actor, "at": (MONDAY + timedelta(hours=hours)).isoformat(), "labels": labels}
