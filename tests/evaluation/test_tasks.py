"""Each question of the exam, on a dozen comments whose answers are known."""

from pathlib import Path

import numpy as np
import pytest

import models
from evaluation.exam import Exam, length_of
from evaluation.gold import read_labelled
from evaluation.predictions import Predictions, from_labelled, from_pipeline
from evaluation.tasks import TASKS, measure_slice
from models.segments import Span
from tests.labelled import labelled_line, twelve, write_lines

MEASURE = {task.name: task.measure for task in TASKS}


@pytest.fixture
def exam(tmp_path: Path, pipeline: models.Pipeline) -> Exam:
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", twelve()), pipeline.taxonomy)
    return Exam.of(comments, pipeline.taxonomy, resamples=50)


@pytest.fixture
def predictions(exam: Exam, pipeline: models.Pipeline) -> Predictions:
    return from_pipeline(pipeline, exam.comments)


def test_annotators_score_full_marks_against_themselves(exam: Exam) -> None:
    for task in TASKS:
        result = task.measure(exam, exam.gold)
        if task.name in ("calibration", "review"):
            assert result is None  # people give no probabilities
            continue
        assert result is not None
        worse = {"iou_whole", "outside", "unquoted"}
        assert all(each.value == 1 for name, each in result.measures.items() if name not in worse), task.name


def test_a_system_that_answers_nothing_is_not_judged(exam: Exam) -> None:
    assert all(task.measure(exam, Predictions()) is None for task in TASKS)
    assert measure_slice(exam, exam.slices()[0], Predictions()) == {}


def test_issues_are_counted_label_by_label(exam: Exam) -> None:
    """One of two lacks of support is found, one unmet expectation is invented, the rest is missed."""
    assert exam.gold.labels is not None
    decided = np.zeros_like(exam.gold.labels)
    order = [label.id for label in exam.taxonomy.labels]
    decided[2, order.index("inadequate_support")] = True
    decided[5, order.index("unmet_expectations")] = True
    result = MEASURE["issues"](exam, Predictions(labels=decided))
    assert result is not None
    rows = {row.id: row for row in result.rows}
    support = rows["inadequate_support"]
    assert (support.support, support.predicted, support.insufficient) == (2, 1, True)
    assert (support.measures["precision"].value, support.measures["recall"].value) == (1, 0.5)
    assert support.measures["f1"].value == pytest.approx(2 / 3)
    assert rows["unmet_expectations"].measures["f1"].value == 0
    assert np.isnan(rows["lack_of_personalization"].measures["f1"].value)
    # Five issues occur: one has F1 2/3, four have 0. Seven positives, one hit, one false alarm.
    assert result.measures["macro_f1"].value == pytest.approx(2 / 3 / 5)
    assert result.measures["micro_f1"].value == pytest.approx(2 / (2 + 1 + 6))
    assert "ap" not in support.measures


def test_the_pipeline_is_read_as_in_production(exam: Exam, predictions: Predictions) -> None:
    """ "n/a" is neutral and "other"; a German comment is not analysed and so has no answer."""
    assert predictions.sentiment is not None
    assert predictions.intent is not None
    assert predictions.labels is not None
    assert predictions.sentiment[9].tolist() == [False, True, False]
    assert exam.taxonomy.intents[int(predictions.intent[9].argmax())] == "other"
    assert not predictions.sentiment[10].any()
    assert not predictions.intent[10].any()
    assert not predictions.labels[10].any()


def test_decisions_are_those_of_the_analyses(
    exam: Exam, pipeline: models.Pipeline, predictions: Predictions
) -> None:
    assert predictions.labels is not None
    assert predictions.touchpoints is not None
    order = [label.id for label in exam.taxonomy.labels]
    places = [touchpoint.key for touchpoint in exam.taxonomy.touchpoints]
    for row, comment in enumerate(exam.comments):
        (analysis,) = pipeline.analyze([comment.comment])
        found = {mention.id for mention in (*analysis.issues, *analysis.strengths)}
        assert {order[at] for at in predictions.labels[row].nonzero()[0]} == found
        assert {places[at] for at in predictions.touchpoints[row].nonzero()[0]} == {
            t.id for t in analysis.touchpoints
        }


def test_sentiment_counts_what_was_not_analysed_as_wrong(exam: Exam) -> None:
    assert exam.gold.sentiment is not None
    answers = exam.gold.sentiment.copy()
    answers[[0, 10]] = False
    result = MEASURE["sentiment"](exam, Predictions(sentiment=answers))
    assert result is not None
    assert result.measures["accuracy"].value == pytest.approx(10 / 12)
    assert [row.support for row in result.rows] == [5, 4, 3]


def test_empathy_gate_and_level_are_judged_apart(exam: Exam) -> None:
    """Said of two comments; found in one of them, at the right level, and in one that says nothing of it."""
    said = np.zeros(12, dtype=bool)
    said[[0, 5]] = True
    level = np.where(said, 1.0, np.nan)
    result = MEASURE["empathy"](exam, Predictions(empathy=said, empathy_level=level))
    assert result is not None
    assert result.measures["gate_f1"].value == pytest.approx(0.5)
    assert result.measures["level_kappa"].n == 1
    assert result.measures["level_kappa_either"].n == 3
    # Truth 1, -2, 0 and answers 1, 0, 1: cost 5; by chance (0+1+0 + 9+4+9 + 1+0+1) / 3 = 25 / 3.
    assert result.measures["level_kappa_either"].value == pytest.approx(1 - 5 / (25 / 3))


def test_effort_has_two_sides(exam: Exam) -> None:
    result = MEASURE["effort"](exam, exam.gold)
    assert result is not None
    assert [(row.id, row.support) for row in result.rows] == [("easy", 1), ("hard", 1)]


def test_evidence_is_judged_for_correct_labels_only(tmp_path: Path, pipeline: models.Pipeline) -> None:
    """Sentence 2 of 10 + 1 + 10 code points is marked. Quoted are 5 of it and 5 of sentence 1."""
    text = "Bad thing. Bad queue."
    line = labelled_line("c1", text, issues={"inadequate_support": "Bad queue."})
    comments = read_labelled(write_lines(tmp_path / "a.jsonl", [line]), pipeline.taxonomy)
    exam = Exam.of(comments, pipeline.taxonomy, resamples=10)
    held = np.empty(1, dtype=object)
    held[0] = {"inadequate_support": (Span(0, 5), Span(11, 16)), "lack_of_empathy": (Span(0, 10),)}
    result = MEASURE["evidence"](exam, Predictions(evidence=held))
    assert result is not None
    values = {name: each.value for name, each in result.measures.items()}
    assert values["overlap"] == values["overlap_many"] == 0.5
    assert values["iou"] == pytest.approx(5 / 15)
    assert values["iou_whole"] == pytest.approx(10 / 21)
    assert values["outside"] == 0.5
    assert values["unquoted"] == 0.5
    assert result.measures["overlap"].n == 2


def test_calibration_of_certainty(exam: Exam, predictions: Predictions) -> None:
    assert exam.gold.labels is not None
    certain = Predictions(label_probabilities=exam.gold.labels.astype(float))
    result = MEASURE["calibration"](exam, certain)
    assert result is not None
    assert result.measures["labels_ece"].value == 0
    assert "sentiment_ece" not in result.measures
    assert [(b.probability, b.frequency) for b in result.bins["issues"]] == [(0, 0), (1, 1)]
    from_model = MEASURE["calibration"](exam, predictions)
    assert from_model is not None
    assert from_model.measures["sentiment_ece"].n == 11  # one comment was not analysed


def test_slices_part_the_comments(exam: Exam) -> None:
    slices = exam.slices()
    for kind in ("source", "industry", "length", "draw"):
        chosen = np.array([part.chosen for part in slices if part.kind == kind])
        assert (chosen.sum(axis=0) == 1).all()
    assert [part.name for part in slices if part.kind == "length"] == ["1 to 5 words", "6 to 20 words"]


def test_a_slice_is_measured_over_its_comments_alone(exam: Exam) -> None:
    answers = from_labelled(exam.comments, exam.taxonomy)
    bank = next(part for part in exam.slices() if part.name == "bank")
    assert answers.labels is not None
    assert answers.sentiment is not None
    answers.labels[~bank.chosen] = False
    answers.sentiment[bank.chosen] = False
    found = measure_slice(exam, bank, answers)
    assert found["issues_micro_f1"].value == 1
    assert found["sentiment_accuracy"].value == 0
    assert found["sentiment_accuracy"].n == 5


@pytest.mark.parametrize(
    ("words", "name"), [(5, "1 to 5 words"), (6, "6 to 20 words"), (61, "61 words or more")]
)
def test_length_counts_words(words: int, name: str) -> None:
    assert length_of("word " * words) == name
