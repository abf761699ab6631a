"""Cleaning keeps every offset; content is judged with the question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import Content, clean, content_of

IMPROVE = "What could we improve?"
GOOD = "What did we do well?"


@given(st.text(alphabet=st.characters(), max_size=200))
def test_cleaning_keeps_the_length_and_can_be_encoded(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


def test_typographic_signs_become_plain() -> None:
    assert clean("It’s “fine” – really") == 'It\'s "fine" - really'


def test_controls_become_blanks_and_lone_surrogates_the_replacement_sign() -> None:
    assert clean("a\x00b\x1fc\ud800d") == "a b c\ufffdd"


@pytest.mark.parametrize("sign", ["\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_line_breaks_of_all_kinds_divide(sign: str) -> None:
    assert clean(f"Rude staff{sign}App crashes") == "Rude staff\nApp crashes"
    assert clean("One\r\ntwo") == "One \ntwo"


def test_line_breaks_and_tabs_stay() -> None:
    assert clean("one\ntwo\tthree") == "one\ntwo\tthree"


@pytest.mark.parametrize(
    "text", ["", "   ", "n/a", "N/A.", "None", "...", "-", "no comment", "Nothing", "?!"]
)
def test_answers_without_content(text: str) -> None:
    assert content_of(clean(text)) is Content.NOTHING


@pytest.mark.parametrize("text", ["Nothing", "none", "No."])
@pytest.mark.parametrize("question", [IMPROVE, GOOD])
def test_nothing_is_an_answer_to_a_question_with_a_side(text: str, question: str) -> None:
    assert content_of(text, question) is Content.WORDS


@pytest.mark.parametrize("text", ["No", "None", "yes"])
@pytest.mark.parametrize(
    "question",
    [
        "Is there anything else you would like to tell us?",
        "Is there anything else you'd like to add?",
        "Would you like us to contact you?",
        "Would you also like a receipt?",
        "Is this the right number?",
    ],
)
def test_a_wish_asks_for_no_side(text: str, question: str) -> None:
    assert content_of(text, question) is Content.NOTHING


@pytest.mark.parametrize(
    "question",
    [
        "What did you like?",
        "What do you like most?",
        "What did you like, and what would you like to add?",
        "What is going right?",
        "What do we do right?",
        "What have we done right?",
        "What did we get right?",
        "What would you like us to improve?",
    ],
)
def test_what_asks_for_a_side_still_does(question: str) -> None:
    assert content_of("Nothing", question) is Content.WORDS


@pytest.mark.parametrize("question", [None, "Anything else?", IMPROVE, GOOD])
def test_not_applicable_never_is(question: str | None) -> None:
    assert content_of("n/a", question) is Content.NOTHING


def test_emoji_alone_are_signs() -> None:
    assert content_of("👍👍") is Content.SIGNS_ONLY
    assert content_of("👍 great") is Content.WORDS


def test_one_word_is_content() -> None:
    assert content_of("Parking") is Content.WORDS
