"""Comments that people corrected, in a store, and the commands that take their labels out of it and in again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

import models
from models import Analysis
from models.command import of_labels
from service import repository
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.records import CommentRecord

TAXONOMY = models.taxonomy.load()
TEXTS = {"a": "Agent was kind. Nobody fixed my bill.", "b": "🙂 Café, all fine.", "c": "It works."}
SAID: dict[str, dict[str, Any]] = {
    "a": {
        "labels": {
            "add": [{"id": "unresolved_issue", "evidence": [{"start": 16, "end": 37}]}, "caring_treatment"],
            "remove": ["easy_to_use"],
        },
        "sentiment": -1,
        "empathy": 1,
        "effort": None,
    },
    "b": {
        "labels": {"add": [{"id": "easy_to_use", "evidence": [{"start": 2, "end": 6}]}]},
        "intent": "praise",
    },
}
FILES = {"jsonl": "l.jsonl", "label-studio": "l.json", "docbin": "l.spacy", "datasets": "folder"}
"""The formats that labels go out in, and where to."""
Make = Callable[..., Any]


def prepare(
    engine: Engine, database_url: str, make_record: Make, make_analysis: Make, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    """A store with `SAID` of `TEXTS`, in which the commands will find themselves."""
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    fill(engine, make_record, make_analysis)
    for id, said in SAID.items():
        say(engine, id, said)
    return engine


def say(engine: Engine, id: str, said: dict[str, Any], actor: str = "anna") -> None:
    """One person's correction."""
    with write(engine) as conn:
        correct(conn, "default", id, read_correction(said, TAXONOMY, actor))


def fill(engine: Engine, make_record: Make, make_analysis: Make) -> None:
    """Three comments in which the model found ease of use and poor communication."""
    analysis: Analysis = make_analysis(issues=["poor_communication"], strengths=["easy_to_use"])
    with write(engine) as conn:
        for id, text in TEXTS.items():
            record: CommentRecord = make_record(id=id, text=text, question="How was it?")
            repository.save(conn, record, analysis, record.occurred_at)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(of_labels, [str(word) for word in words])


def in_force(engine: Engine) -> dict[str, Any]:
    """Labels with who said so, and the words for those that people named words for."""
    found = {}
    with read(engine) as conn:
        for id in TEXTS:
            stored = repository.get(conn, "default", id)
            assert stored is not None
            by = {one["id"]: one["by"] for group in ("issues", "strengths") for one in stored.labels[group]}
            scores = {name: stored.labels[name] for name in ("sentiment", "empathy", "effort", "intent")}
            said = [one.said for one in stored.corrections]
            words = {
                one["id"]: one["evidence"]
                for correction in said
                for one in correction["labels"]["add"]
                if one["id"] in ("unresolved_issue", "easy_to_use")
            }
            found[id] = (by, scores, words)
    return found
