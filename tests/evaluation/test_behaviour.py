"""Answers are judged as the suite says: what should pass passes, and what should fail fails."""

import json
from typing import Any

import numpy as np
import pytest

import models
from evaluation.behaviour.expectations import EXPECTATIONS, Answer, passes
from evaluation.behaviour.results import judge, section, wilson
from evaluation.behaviour.suite import Behaviour, Case, comments_of, shipped
from evaluation.predictions import Predictions, from_analyses, from_pipeline
from models import Comment

RUDE, COLD, KIND = "lack_of_empathy", "unmet_expectations", "caring_treatment"
ANSWER = Answer(
    labels=frozenset({RUDE, COLD}),
    chances={RUDE: 0.9, COLD: 0.55, KIND: 0.2},
    sentiment="negative",
    tones={"negative": 0.8, "neutral": 0.15, "positive": 0.05},
    level=-1.2,
    empathy=True,
    care=-1.0,
    effort="hard",
    loyalty="leaving",
    intent="complaint",
    quotes={RUDE: ("The waiter was rude",), COLD: ("the soup was cold",)},
)


@pytest.mark.parametrize(
    ("word", "right", "wrong"),
    [
        ("has", [RUDE, COLD], [RUDE, KIND]),
        ("lacks", [KIND], [KIND, COLD]),
        ("sentiment", "negative", "neutral"),
        ("not_sentiment", "positive", "negative"),
        ("empathy", "said", "unsaid"),
        ("empathy", "uncaring", "caring"),
        ("effort", "hard", "unsaid"),
        ("loyalty", "leaving", "staying"),
        ("intent", "complaint", "praise"),
        ("quotes", {RUDE: "waiter was rude"}, {RUDE: "soup was cold"}),
        ("quotes", {RUDE: "waiter", COLD: "soup"}, {RUDE: "waiter", COLD: "was"}),
    ],
)
def test_an_expectation_of_one_text_holds_or_not(word: str, right: Any, wrong: Any) -> None:
    assert passes("mft", [ANSWER], {word: right})
    assert not passes("mft", [ANSWER], {word: wrong})
    assert not passes("mft", [ANSWER], {word: right, "intent": "question"})


def test_no_theme_means_none_at_all() -> None:
    assert passes("mft", [Answer()], {"no_theme": True})
    assert not passes("mft", [ANSWER], {"no_theme": True})


def test_a_text_that_was_not_analysed_has_no_sentiment_to_be_right() -> None:
    assert not passes("mft", [Answer()], {"not_sentiment": "positive"})
    assert passes("mft", [Answer()], {"empathy": "unsaid", "effort": "unsaid"})


def changed(label: str, chance: float) -> Answer:
    """The answer with one label taken away and its probability changed."""
    return Answer(
        labels=ANSWER.labels - {label},
        chances={**ANSWER.chances, label: chance},
        sentiment="negative",
        tones=ANSWER.tones,
    )


def test_a_label_may_cross_its_threshold_by_a_little() -> None:
    expect = {"same": ["labels", "sentiment"]}
    assert passes("inv", [ANSWER, ANSWER], expect)
    assert passes("inv", [ANSWER, changed(COLD, 0.46)], expect)
    assert not passes("inv", [ANSWER, changed(COLD, 0.44)], expect)
    assert not passes("inv", [ANSWER, ANSWER, changed(COLD, 0.1)], expect)


def test_sentiment_may_turn_by_a_little_and_only_counts_where_it_is_asked() -> None:
    near = Answer(sentiment="neutral", tones={"negative": 0.44, "neutral": 0.46, "positive": 0.1})
    turned = Answer(sentiment="negative", tones={"negative": 0.48, "neutral": 0.42, "positive": 0.1})
    assert passes("inv", [near, turned], {"same": ["sentiment"]})
    assert not passes("inv", [near, ANSWER], {"same": ["sentiment"]})
    assert not passes("inv", [near, Answer()], {"same": ["sentiment"]})
    assert passes("inv", [near, turned], {"same": ["labels"]})


def test_without_probabilities_every_difference_counts() -> None:
    one, other = Answer(sentiment="neutral"), Answer(sentiment="negative")
    assert passes("inv", [one, one], {"same": ["sentiment"]})
    assert not passes("inv", [one, other], {"same": ["sentiment"]})


@pytest.mark.parametrize(
    ("direction", "right", "wrong"),
    [
        ("up", 0.3, 0.1),
        ("down", -0.3, -0.1),
        ("not_up", 0.1, 0.3),
        ("not_down", -0.1, -0.3),
        ("not_up", -1.0, 1.0),
    ],
)
def test_sentiment_goes_its_way_by_more_than_the_tolerance(
    direction: str, right: float, wrong: float
) -> None:
    start = Answer(level=0.5)
    assert passes("dir", [start, Answer(level=0.5 + right)], {"sentiment": direction})
    assert not passes("dir", [start, Answer(level=0.5 + wrong)], {"sentiment": direction})
    assert not passes(
        "dir", [start, Answer(level=0.5 + right), Answer(level=0.5 + wrong)], {"sentiment": direction}
    )
    assert not passes("dir", [start, Answer()], {"sentiment": direction})


def test_labels_are_added_and_dropped() -> None:
    bare, rude = Answer(), Answer(labels=frozenset({RUDE}))
    assert passes("dir", [bare, rude], {"adds": [RUDE]})
    assert not passes("dir", [rude, rude], {"adds": [RUDE]})
    assert not passes("dir", [bare, rude, bare], {"adds": [RUDE]})
    assert passes("dir", [rude, bare], {"drops": [RUDE]})
    assert not passes("dir", [bare, bare], {"drops": [RUDE]})
    assert not passes("dir", [rude, bare, rude], {"drops": [RUDE]})


def test_what_an_expectation_needs_is_a_field_of_predictions() -> None:
    fields = set(Predictions.__dataclass_fields__)
    assert all(set(e.needs) <= fields for kind in EXPECTATIONS.values() for e in kind.values())


def test_wilson_is_that_of_the_textbook() -> None:
    half, none, every = wilson(10, 20), wilson(0, 20), wilson(20, 20)
    assert (round(half.low, 3), round(half.high, 3)) == (0.299, 0.701)
    assert (none.low, round(none.high, 3)) == (0, 0.161)
    assert (round(every.low, 3), every.high) == (0.839, 1)


def small_suite() -> list[Behaviour]:
    """Two tests that the weightless model can be seen to pass and to fail, one that needs evidence."""
    about = {"capability": "negation", "about": "…"}
    return [
        Behaviour(
            "plain",
            kind="mft",
            cases=(
                Case(("The agent was kind.",), None, {"has": [KIND], "empathy": "caring"}),
                Case(("The agent was unfeeling.",), None, {"has": [RUDE]}),
            ),
            **about,
        ),
        Behaviour(
            "case",
            kind="inv",
            cases=(
                Case(("The food was bad.", "THE FOOD WAS BAD."), None, {"same": ["labels", "sentiment"]}),
            ),
            **about,
        ),
        Behaviour(
            "tone",
            kind="dir",
            cases=(
                Case(
                    ("The food was good.", "The food was bad.", "The food was so good."),
                    None,
                    {"sentiment": "down"},
                ),
            ),
            **about,
        ),
    ]


def test_each_case_is_judged_by_its_own_answers(pipeline: models.Pipeline) -> None:
    suite = small_suite()
    predictions = from_pipeline(pipeline, comments_of(suite))
    assert judge(suite, predictions, pipeline.taxonomy) == [[True, False], [True], [False]]


def test_hand_made_analyses_are_judged(pipeline: models.Pipeline) -> None:
    """As they come out of the pipeline, in the public schema."""
    texts = [text for test in small_suite() for case in test.cases for text in case.texts]
    analyses = pipeline.analyze([Comment(text) for text in texts], all_labels=True)
    analyses[0], analyses[1] = analyses[1], analyses[0]
    predictions = from_analyses(analyses, pipeline.taxonomy, pipeline.thresholds)
    assert judge(small_suite(), predictions, pipeline.taxonomy)[0] == [False, False]


def test_what_a_system_does_not_answer_is_not_judged(pipeline: models.Pipeline) -> None:
    suite = small_suite()
    whole = from_pipeline(pipeline, comments_of(suite))
    tone = Predictions(sentiment=whole.sentiment, sentiment_level=whole.sentiment_level)
    assert judge(suite, tone, pipeline.taxonomy) == [None, None, [False]]
    found = section(suite, {"model": whole, "vader": tone}, pipeline.taxonomy)
    assert found["systems"]["vader"] == {"passed": 0, **wilson(0, 1).to_dict(), "model": 0}
    assert found["systems"]["model"] == {"passed": 2, **wilson(2, 4).to_dict(), "model": 0.5}
    assert found["tests"][2]["systems"]["vader"]["value"] == 0
    (capability,) = found["capabilities"]
    assert capability["systems"] == {"model": {"passed": 2, **wilson(2, 4).to_dict()}, "vader": None}
    silent = section(suite, {"model": whole, "mute": Predictions()}, pipeline.taxonomy)
    assert silent["systems"]["mute"] is None


def test_failing_cases_are_shown_with_the_change_that_fails(pipeline: models.Pipeline) -> None:
    suite = small_suite()
    found = section(suite, {"model": from_pipeline(pipeline, comments_of(suite))}, pipeline.taxonomy)
    plain, case, tone = (test["failed"] for test in found["tests"])
    assert [failed["text"] for failed in plain] == ["The agent was unfeeling."]
    assert case == []
    assert tone[0]["changed"] == ["The food was so good."]


def test_the_weightless_model_runs_through_it_all(pipeline: models.Pipeline) -> None:
    suite = shipped(pipeline.taxonomy)
    predictions = from_pipeline(pipeline, comments_of(suite))
    found = section(suite, {"model": predictions}, pipeline.taxonomy)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    rates = [test["systems"]["model"]["value"] for test in found["tests"]]
    assert min(rates) < 0.2  # word lists know no sarcasm
    assert max(rates) == 1  # and no capitals
    assert found["n"] == found["systems"]["model"]["n"] == sum(test["n"] for test in found["tests"])
    assert np.isclose(
        found["systems"]["model"]["value"], found["systems"]["model"]["passed"] / found["n"], atol=1e-4
    )
