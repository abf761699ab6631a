"""The door of the language room, with the weightless model behind it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models import Analysis, Comment, Pipeline
from models.heads import Scores
from models.scorer import Reading

BILL = "Agent was kind but nobody ever fixed my bill."
PIPELINE = models.load("weightless")


def analyze(text: str, **fields: str) -> Analysis:
    return PIPELINE.analyze([Comment(text, **fields)])[0]


def test_evidence_is_the_words_that_say_so() -> None:
    analysis = analyze(BILL)
    issue = next(issue for issue in analysis.issues if issue.id == "unresolved_issue")
    assert [quote.text for quote in issue.evidence] == ["nobody ever fixed my bill"]
    strength = next(strength for strength in analysis.strengths if strength.id == "caring_treatment")
    assert (strength.evidence[0].start, strength.evidence[0].end) == (0, 14)


def test_mixed_is_praise_and_blame_together() -> None:
    mixed, plain = analyze(BILL).sentiment, analyze("Nobody ever fixed my bill.").sentiment
    assert mixed is not None
    assert mixed.mixed
    assert plain is not None
    assert not plain.mixed


def test_empathy_is_said_exactly_where_its_theme_is_labelled() -> None:
    kind, rude, none = (
        analyze("The agent was kind"),
        analyze("The agent was rude"),
        analyze("The food was bad"),
    )
    assert kind.empathy is not None
    assert kind.empathy.score > 0
    assert rude.empathy is not None
    assert rude.empathy.score < 0
    assert none.empathy is None


def test_nothing_is_forced() -> None:
    analysis = analyze("I was there on Tuesday")
    assert (analysis.status, analysis.issues, analysis.strengths, analysis.touchpoints) == (
        "analyzed",
        (),
        (),
        (),
    )


def test_no_content_is_neither_praise_nor_blame() -> None:
    analysis = analyze("n/a")
    assert analysis.no_content
    assert (analysis.status, analysis.sentiment, analysis.intent) == ("analyzed", None, None)


def test_the_question_decides_whether_nothing_is_an_answer() -> None:
    assert analyze("Nothing").no_content
    assert not analyze("Nothing", question="What could we improve?").no_content


def test_another_language_is_not_analyzed_and_says_why() -> None:
    analysis = analyze("Muy mal servicio, nadie contesta y el pedido llegó roto")
    assert (analysis.status, analysis.review.reasons) == ("not_analyzed", ("unsupported_language",))


def test_emoji_alone_are_not_analyzed() -> None:
    assert analyze("👍👍").review.reasons == ("no_words",)


def test_all_labels_shows_those_under_their_threshold_without_evidence() -> None:
    analysis = PIPELINE.analyze([Comment(BILL)], all_labels=True)[0]
    assert len(analysis.issues) == len(analysis.strengths) == 10
    assert len(analysis.touchpoints) == 10
    for mention in (*analysis.issues, *analysis.strengths):
        assert bool(mention.evidence) == (mention.probability >= mention.threshold)


def test_order_and_ids_are_kept_over_batches() -> None:
    comments = [Comment(f"The agent was rude {i}", id=str(i)) for i in range(25)]
    assert [analysis.id for analysis in PIPELINE.pipe(comments, batch_size=4)] == [str(i) for i in range(25)]


@pytest.mark.parametrize("size", [0, -1])
def test_batches_of_nothing_are_refused_and_not_taken_for_the_end(size: int) -> None:
    with pytest.raises(models.InputError, match=f"batch_size: must be 1 or more, not {size}"):
        PIPELINE.pipe([Comment("Rude.")], batch_size=size)


def test_no_threads_are_refused() -> None:
    with pytest.raises(models.InputError, match="threads: must be 1 or more, not 0"):
        models.load("weightless", threads=0)


def test_no_comments_give_no_analyses() -> None:
    assert PIPELINE.analyze([]) == []


def test_an_analysis_survives_json() -> None:
    analysis = analyze(BILL, id="r-1")
    assert Analysis.from_dict(json.loads(json.dumps(analysis.to_dict()))) == analysis


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300), st.none() | st.text(max_size=40))
def test_any_text_gets_an_analysis_whose_quotes_are_true(text: str, question: str | None) -> None:
    analysis = PIPELINE.analyze([Comment(text, question=question)])[0]
    for mention in (*analysis.issues, *analysis.strengths):
        assert mention.evidence
        for quote in mention.evidence:
            assert text[quote.start : quote.end] == quote.text


class Forgetful:
    """A scorer that reads only the first clause, as one that ran out of windows would."""

    def __init__(self, scorer: models.scorer.Scorer) -> None:
        self._scorer = scorer

    def score(self, readings: list[Reading]) -> list[Scores]:
        return [scores[:1] for scores in self._scorer.score(readings)]


def test_what_was_not_read_is_said() -> None:
    pipeline = Pipeline(
        Forgetful(PIPELINE.scorer),
        PIPELINE.taxonomy,
        version="forgetful",
        calibration=PIPELINE.calibration,
        thresholds={},
    )
    analysis = pipeline.analyze([Comment(BILL)])[0]
    assert analysis.truncated
    assert "truncated" in analysis.review.reasons
    assert analysis.issues == ()
    assert not pipeline.analyze([Comment("Agent was kind")])[0].truncated


@pytest.mark.parametrize(
    "text", ["مرحبا agent was rude", "Agent was rude \u202e!", "Zoë’s agent 👩‍👩‍👧 was rude"]
)
def test_offsets_count_code_points(text: str) -> None:
    analysis = analyze(text, language="en")
    quote = analysis.issues[0].evidence[0]
    assert text[quote.start : quote.end] == quote.text
