"""Evidence is marked in text that is escaped first: nothing in a comment is ever markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import taxonomy
from service.highlight import Evidence, evidence_of, marked


class Reader(HTMLParser):
    """What a browser would see: the text, and the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Reader:
    reader = Reader()
    reader.feed(str(html))
    reader.close()
    return reader


def test_the_words_that_say_so_are_marked() -> None:
    html = marked(
        "Kind staff, slow till", [Evidence(0, 10, "strength", "Caring"), Evidence(12, 21, "issue", "Waits")]
    )
    assert html == (
        '<mark class="strength" title="Caring">Kind staff</mark>, <mark class="issue" title="Waits">slow till</mark>'
    )


def test_markup_in_a_comment_stays_text() -> None:
    text = "Bad <script>alert(\"1\")</script> & 'worse'"
    html = marked(text, [Evidence(4, 12, "issue", 'a "label" <b>')])
    assert "<script" not in html
    assert seen(html).text == text
    assert seen(html).tags == {"mark"}


def test_overlapping_spans_are_cut_where_they_meet() -> None:
    html = marked("abcdef", [Evidence(0, 4, "issue", "I"), Evidence(2, 6, "strength", "S")])
    assert html == (
        '<mark class="issue" title="I">ab</mark><mark class="issue strength" title="I · S">cd</mark>'
        '<mark class="strength" title="S">ef</mark>'
    )


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("👍🏽 great 👨‍👩‍👧 shop", 3, 8),
        ("שירות איטי מאוד", 6, 10),
        ("e\u0301te\u0301 naïve", 0, 6),
        ("𝒮low", 0, 4),
    ],
)
def test_offsets_are_code_points(text: str, start: int, end: int) -> None:
    html = marked(text, [Evidence(start, end, "issue", "x")])
    assert f">{text[start:end]}</mark>" in html


@given(
    text=st.text(max_size=40),
    spans=st.lists(
        st.tuples(st.integers(-3, 45), st.integers(-3, 45), st.sampled_from(["issue", "strength"]))
    ),
)
def test_marking_never_changes_what_is_read(text: str, spans: list[tuple[int, int, str]]) -> None:
    html = marked(text, [Evidence(start, end, kind, "n") for start, end, kind in spans])  # type: ignore[arg-type]
    # A parser reads a carriage return and U+0000 in its own way, whoever wrote them.
    plain = text.replace("\r", "").replace("\0", "")
    assert seen(html.replace("\r", "").replace("\0", "")).text == plain
    assert seen(html).tags <= {"mark"}


def test_categories_of_ones_own_are_marked_by_their_names() -> None:
    own = taxonomy.from_dict(
        {"version": "v", "categories": [{"id": "parking", "name": "Car park", "description": "Parking."}]}
    )
    analysis = {
        "issues": [],
        "strengths": [],
        "categories": [{"id": "parking", "evidence": [{"start": 0, "end": 7}]}],
    }
    (found,) = evidence_of(analysis, own)
    assert found == Evidence(0, 7, "category", "Car park")
    assert (
        marked("Nowhere to park", [found]) == '<mark class="category" title="Car park">Nowhere</mark> to park'
    )
