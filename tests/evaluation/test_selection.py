"""Risk falls where a system is unsure where it is wrong, and stays where it is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from evaluation.exam import Exam
from evaluation.gold import read_labelled
from evaluation.predictions import Predictions
from evaluation.selection import review, risk_coverage
from models.heads import expected_errors
from tests.labelled import labelled_line, write_lines


@pytest.fixture
def exam(tmp_path: Path, pipeline: models.Pipeline) -> Exam:
    """Forty late parcels."""
    text = "The parcel was late."
    lines = [labelled_line(f"c{i}", text, issues={"unmet_expectations": text}) for i in range(40)]
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", lines), pipeline.taxonomy)
    return Exam.of(comments, pipeline.taxonomy, resamples=50)


def test_doubt_counts_the_labels_that_may_be_wrong() -> None:
    labels = np.array([[True, False], [True, False]])
    chances = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert expected_errors(chances, labels) == pytest.approx([0.2, 0.8])


def predictions(exam: Exam, wrong: slice, unsure: slice) -> Predictions:
    """Right but for a label too many in `wrong`; sure but in `unsure`."""
    gold = exam.gold.labels
    assert gold is not None
    labels = gold.copy()
    labels[wrong, 0] = ~labels[wrong, 0]
    chances = np.where(labels, 0.95, 0.05)
    chances[unsure] = np.where(labels[unsure], 0.6, 0.4)
    flagged = np.zeros(len(gold), dtype=bool)
    flagged[unsure] = True
    return Predictions(labels=labels, label_probabilities=chances, review=flagged)


def test_the_curve_falls_only_if_it_is_unsure_where_it_is_wrong(exam: Exam) -> None:
    knows = risk_coverage(exam, predictions(exam, slice(0, 10), slice(0, 10)))
    does_not = risk_coverage(exam, predictions(exam, slice(0, 10), slice(30, 40)))
    assert knows[0].risk == does_not[0].risk > 0
    assert knows[-1].risk == 0
    assert does_not[-1].risk > knows[0].risk
    assert [point.n for point in knows][:3] == [40, 38, 36]
    assert risk_coverage(exam, exam.gold) == []  # people give no probabilities


def test_there_is_no_point_where_no_label_is(tmp_path: Path, pipeline: models.Pipeline) -> None:
    """The surest half neither hold nor were given a label: their F1, and so the risk, is undefined."""
    text = "The parcel was late."
    lines = [
        labelled_line(f"c{i}", text, issues={"unmet_expectations": text} if i < 4 else {}) for i in range(10)
    ]
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", lines), pipeline.taxonomy)
    exam = Exam.of(comments, pipeline.taxonomy, resamples=50)
    curve = risk_coverage(exam, predictions(exam, slice(0, 0), slice(0, 4)))
    assert [point.coverage for point in curve] == [1.0, 0.95, 0.9, 0.85, 0.8, 0.7]
    assert {point.risk for point in curve} == {0.0}


def test_review_says_how_many_errors_it_caught(exam: Exam) -> None:
    found = review(exam, predictions(exam, slice(0, 10), slice(0, 8)))
    assert found["flagged"].value == 0.2
    assert found["errors_flagged"].value == 0.8
    assert found["micro_f1_unflagged"].value > found["micro_f1_flagged"].value
    assert review(exam, Predictions()) == {}


def test_what_is_not_read_is_not_what_it_is_surest_of(exam: Exam) -> None:
    """A declined comment has no probabilities: it comes last."""
    said = predictions(exam, slice(30, 40), slice(0, 0))
    assert said.labels is not None
    assert said.label_probabilities is not None
    said.labels[30:], said.label_probabilities[30:] = False, 0.0
    sides = np.zeros((40, 3), dtype=bool)
    sides[:30, 0] = True
    curve = risk_coverage(exam, replace(said, sentiment=sides))
    assert curve[0].risk > 0
    assert curve[-1].risk == 0
