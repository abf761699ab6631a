"""Clauses are spans of the text as sent; sentences contain them."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pipeline import MAX_TEXT
from models.segments import MAX_SPAN, Span, clauses, sentences


def quotes(text: str) -> list[str]:
    return [text[span.start : span.end] for span in clauses(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Agent was kind but nobody ever fixed my bill.", ["Agent was kind", "nobody ever fixed my bill"]),
        (
            "Although the room was small, the staff was lovely.",
            ["the room was small", "the staff was lovely"],
        ),
        ("Slow app; rude staff at the desk", ["Slow app", "rude staff at the desk"]),
        ("I rang Mr. Hill at 5 p.m. and left.", ["I rang Mr. Hill at 5 p.m. and left"]),
        ("It cost 3.50 more.Later it broke", ["It cost 3.50 more", "Later it broke"]),
        ("- late again\n- no reply\n", ["late again", "no reply"]),
        ("Great!!! Loved it 😀", ["Great", "Loved it 😀"]),
        ("1. Clean room.\n2. Fast delivery.\n10. No towels", ["Clean room", "Fast delivery", "No towels"]),
        ("I give it 8. Good food.", ["I give it 8", "Good food"]),
        ("Good food. 8.", ["Good food", "8"]),
        ("They are great. 10.\n", ["They are great"]),
        ("How likely are you? 10. Great service.", ["How likely are you", "Great service"]),
        ("1. 2. 3. ", ["3"]),
        ("8", ["8"]),
        ("It wasn&#39;t ready and I don&#x27;t mind", ["It wasn&#39;t ready and I don&#x27;t mind"]),
        ("Nice food&drinks; the staff was rude", ["Nice food&drinks", "the staff was rude"]),
        ("Fish &amp; chips were fine; nobody smiled", ["Fish &amp; chips were fine", "nobody smiled"]),
        (
            "The staff were kind, and the ward was clean, so I slept very well",
            ["The staff were kind", "the ward was clean", "I slept very well"],
        ),
        ("Not bad, but dear", ["Not bad, but dear"]),
        ("...", []),
        ("", []),
    ],
)
def test_clauses(text: str, expected: list[str]) -> None:
    assert quotes(text) == expected


def test_a_long_clause_is_cut_at_a_blank() -> None:
    text = "word " * 200
    spans = clauses(text)
    assert len(spans) > 1
    assert all(span.end - span.start <= MAX_SPAN for span in spans)
    assert "".join(quotes(text)).replace(" ", "") == text.replace(" ", "")


@given(st.text(max_size=400))
def test_spans_are_in_order_apart_and_inside_sentences(text: str) -> None:
    spans = clauses(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    whole = sentences(text)
    assert all(any(s.start <= span.start and span.end <= s.end for s in whole) for span in spans)


@given(
    st.lists(
        st.sampled_from(["good", "bad", "but", "and", "although", ",", ".", "the app", ";"]), max_size=30
    )
)
def test_no_telling_word_is_lost(words: list[str]) -> None:
    text = " ".join(words)
    kept = " ".join(quotes(text))
    for word in ("good", "bad", "the app"):
        assert kept.count(word) == text.count(word)


def test_a_sentence_is_a_span_without_blanks_around() -> None:
    assert sentences("  One.  Two! ") == [Span(2, 6), Span(8, 12)]


SIGNS = [" ", ",", ", ", ".", ". ", "...a", "!", ".'", "\t", " \n", " • ", " x," + " " * 500]
WORDS = ["ok. ", "e.g. ", "ab.Cd", ";", "a;", "-.;", "a b; ", "a - b ", "I but ", "a b c, and ", "although "]


@pytest.mark.parametrize("part", SIGNS + WORDS)
def test_a_hostile_text_of_full_length_does_not_take_long(part: str) -> None:
    """Rules that began anew at each sign took minutes for 100,000 commas."""
    text = (part * MAX_TEXT)[:MAX_TEXT]
    start = time.process_time()
    clauses(text)
    clauses(f"x{text}x")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Late ...  \n\n - and cold!? "Why".. So rude.Never again',
            ["Late", "cold", "Why", "rude", "Never again"],
        ),
        ("Fine • though slow;; and  -- we waited long", ["Fine", "slow", "and", "we waited long"]),
    ],
)
def test_signs_in_a_row_divide_once(text: str, expected: list[str]) -> None:
    assert quotes(text) == expected


@pytest.mark.parametrize("sign", ["\u200b", "\u2060", "\ufeff", "\u200e", "\u00ad", "\u200d", "\ufe0f"])
def test_signs_that_nobody_sees_are_no_clauses(sign: str) -> None:
    text = f"{sign}\n" * 40 + f"{sign}The staff were great!"
    (span,) = clauses(text)
    assert text[span.start : span.end] == "The staff were great"


def test_an_emoji_keeps_what_makes_it_one() -> None:
    text = "\u2764\ufe0f"
    assert clauses(text) == [Span(0, 2)]
