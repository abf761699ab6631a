"""What int8 costs in labels: the served runtime, and ONNX Runtime's default int8, against torch in float32.

    python -m tests.bench.fidelity --comments 200 --default-int8 build/bench/default-int8

Macro-F1 of issues and of strengths as `listenwell evaluate` has it, on the labelled comments of other industries in
../shared, or on our own where these are not there; losses are paired by comment, with 95 % intervals. Prints JSON.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import models
from evaluation.exam import Exam
from evaluation.gold import LabelledComment, labelled_files, read_labelled
from evaluation.intervals import Estimate, difference
from evaluation.predictions import Predictions, from_pipeline
from evaluation.tasks import TASKS
from models.taxonomy import Taxonomy
from tests.bench.entries import SERVED
from tests.bench.workload import CORPUS, ROOT

DEV = ROOT.parent / "shared" / "data" / "feedback" / "dev.jsonl"
QUESTIONS = ("issues", "strengths")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=1_000, help="a random draw of so many, at most")
    parser.add_argument("--default-int8", type=Path)
    given = parser.parse_args()
    reference = models.load(runtime="torch")
    comments = _labelled(reference.taxonomy, given.comments)
    exam = Exam.of(comments, reference.taxonomy)
    others = {"served": models.load(runtime=SERVED)}  # type: ignore[arg-type]
    if given.default_int8:
        others["default-int8"] = models.load(given.default_int8)
    wanted = from_pipeline(reference, comments)
    about = {
        "data": "dev.jsonl" if DEV.is_file() else "training/corpus (trained on)",
        "comments": len(comments),
    }
    found = {name: compare(exam, wanted, from_pipeline(one, comments)) for name, one in others.items()}
    json.dump(about | found, sys.stdout)


def compare(exam: Exam, wanted: Predictions, given: Predictions) -> dict[str, Any]:
    """Macro-F1 of both and its loss, for each question; the share of comments whose labels are all the same."""
    assert wanted.labels is not None
    assert given.labels is not None
    losses = {name: _loss(exam, name, wanted, given) for name in QUESTIONS}
    same = float((wanted.labels == given.labels).all(axis=1).mean())
    return {"same_labels": round(same, 4), **losses}


def _loss(exam: Exam, question: str, wanted: Predictions, given: Predictions) -> dict[str, Any]:
    before, after = (_macro_f1(exam, question, each) for each in (wanted, given))
    return {
        "float32": before.to_dict(),
        "macro_f1": after.to_dict(),
        "loss": difference(before, after).to_dict(),
    }


def _macro_f1(exam: Exam, question: str, predictions: Predictions) -> Estimate:
    (task,) = (task for task in TASKS if task.name == question)
    result = task.measure(exam, predictions)
    assert result is not None  # a pipeline answers every question
    return result.measures["macro_f1"]


def _labelled(taxonomy: Taxonomy, number: int) -> Sequence[LabelledComment]:
    files = labelled_files([DEV if DEV.is_file() else CORPUS])
    comments = [one for file in files for one in read_labelled(file, taxonomy)]
    random.Random(0).shuffle(comments)
    return comments[:number]


if __name__ == "__main__":
    main()
