"""Text to clauses: the spans that carry evidence.

Rules only: a statistical splitter costs as much as the whole encoder. A sentence ends at a full stop, a
question or exclamation mark, a new line or a bullet; inside it a clause ends at a semicolon, a dash, a
contrast ("but", "although", …) or a comma before "and" or "so" with enough words on both sides. Joining words
and closing punctuation are left out of a span: "Agent was kind but nobody ever fixed my bill." has the two
spans "Agent was kind" and "nobody ever fixed my bill".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from itertools import islice

MAX_SPAN = 300  # code points; longer clauses are cut at a comma or a blank

_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|mr|mrs|ms|dr|st|no|approx|inc|ltd|a\.m|p\.m)|\b[a-z])\.$", re.I
)
_LONGEST_ABBREVIATION = len("approx.") + 1  # with what stands before it
# A run of signs or blanks is looked at once, from its first (lookbehind), and not given up sign by sign (possessive):
# else 100,000 commas would take minutes.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"')\]]*+(?=\s)"  # a mark before a blank
    r"|(?<=[a-z]{2})[.!?]++(?=[A-Z][a-z])"  # a mark with the blank forgotten: "at night.So we left"
    r"|(?<!\.)\.{2,}+(?=\w)"
    r"|(?<!\s)[^\S\n]*+\n\s*+(?:[-*•·]\s++)?"
    r"|\s[•·](?=\s)"
)
_CLAUSE_BREAK = re.compile(
    r"(?:(?<!\s)\s++)?;\s*+"
    r"|(?<!\s)\s++-{1,2}\s++"
    r"|(?<![,\s])[,\s]++(?:and\s++)?"
    r"(?:but|however|although|though|even\s++though|whereas|nevertheless|unfortunately)\b,?\s++"
    r"|,\s*+(?:yet|except|while|despite)\b\s++"
    r"|,\s*+(?:and|so|then|or)\s++",
    re.I,
)
_WORD = re.compile(r"\S++")
# "&#39;", as forms that escape what they are given write an apostrophe: its semicolon ends no clause.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|(?P<name>[A-Za-z][A-Za-z0-9]{1,30}));$")
_LONGEST_ENTITY = 33
_LIST_NUMBER = re.compile(r"\d{1,2}(?=\.\s)")
# "Although the room was small, the staff …": the contrast leads and a comma divides.
_LEADING_CONTRAST = re.compile(
    r"\s*(?:although|though|even though|while|whilst|despite)\b[^,;]{8,160}?(,\s+)", re.I
)
# Signs that are no words, and those that nobody sees: blanks without width, marks of direction, soft hyphens.
_EDGE = " \t\n\r,;:.!?…\"'()[]*•·-" + "\u200b\u200e\u200f\u2060\ufeff\u00ad"
# Parts of an emoji, which mean nothing before one.
_JOINERS = "\u200d\ufe0f"
_JOINING = re.compile(r"(?:but|and|however|although|though|so|yet|then)\b,?\s+", re.I)
_WEAK = re.compile(r",\s*(?:and|so|then|or)\s+$", re.I)


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `start` to `end` (exclusive) of a text."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Split a text into sentences, in order, without blanks around them; never an empty span."""
    return list(_cut(text, Span(0, len(text)), _sentence_breaks(text)))


def clauses(text: str) -> list[Span]:
    """Split a text into clauses, in order; every word of the text that is no joining word and no number
    of a list is in one."""
    found: list[Span] = []
    for sentence in sentences(text):
        for clause in _cut(text, sentence, _clause_breaks(text, sentence)):
            found.extend(_shorten(text, _trim(text, clause)))
    found = [span for span in found if span.end > span.start]
    # The number of an entry in a list is read with its words.
    return [span for span in found if not _numbers(text, span)] or found[-1:]


def _numbers(text: str, span: Span) -> bool:
    match = _LIST_NUMBER.match(text, span.start)
    return match is not None and match.end() == span.end


def _sentence_breaks(text: str) -> Iterator[tuple[int, int]]:
    for match in _SENTENCE_END.finditer(text):
        if match.group().startswith(".") and _abbreviates(text, match.start() + 1):
            continue
        yield match.end(), match.end()


def _abbreviates(text: str, end: int) -> bool:
    """Whether the full stop before `end` is one of an abbreviation."""
    return _ABBREVIATION.search(text, max(0, end - _LONGEST_ABBREVIATION), end) is not None


def _clause_breaks(text: str, sentence: Span) -> Iterator[tuple[int, int]]:
    leading = _LEADING_CONTRAST.match(text, sentence.start, sentence.end)
    if leading:
        yield leading.span(1)
    after = leading.end() if leading else sentence.start
    for match in _CLAUSE_BREAK.finditer(text, after, sentence.end):
        if text[match.start()] == ";" and _ends_entity(text, match.start() + 1):
            continue
        weak = bool(_WEAK.search(match.group()))
        needed = 3 if weak else 2
        if _has(needed, text, after, match.start()) and _has(needed, text, match.end(), sentence.end):
            yield match.span()
            after = match.end()


def _ends_entity(text: str, end: int) -> bool:
    """Whether the semicolon before `end` is that of an HTML character reference."""
    found = _ENTITY.search(text, max(0, end - _LONGEST_ENTITY), end)
    return found is not None and (found["name"] is None or found["name"] + ";" in html5)


def _has(words: int, text: str, start: int, end: int) -> bool:
    """Whether there are so many words near its start; no more are looked for, and no further: breaks may be many."""
    near = min(end, start + MAX_SPAN)
    return sum(1 for _ in islice(_WORD.finditer(text, start, near), words)) == words


def _cut(text: str, whole: Span, breaks: Iterator[tuple[int, int]]) -> Iterator[Span]:
    start = whole.start
    for left, right in [*breaks, (whole.end, whole.end)]:
        part = text[start:left]
        if part.strip():
            yield Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip()))
        start = right


def _trim(text: str, span: Span) -> Span:
    """Leave out leading joining words and the punctuation around; a span of punctuation alone stays whole."""
    start, end = span.start, span.end
    while start < end and text[start] in _EDGE + _JOINERS:
        start += 1
    joining = _JOINING.match(text, start, end)
    if joining and joining.end() < end:
        start = joining.end()
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    return Span(start, end) if end > start else Span(span.start, span.start)


def _shorten(text: str, span: Span) -> Iterator[Span]:
    while span.end - span.start > MAX_SPAN:
        limit = span.start + MAX_SPAN
        cut = max(text.rfind(",", span.start, limit), text.rfind(" ", span.start, limit))
        cut = limit if cut <= span.start else cut
        yield Span(span.start, cut)
        while cut < span.end and text[cut] in " ,":
            cut += 1
        span = Span(cut, span.end)
    yield span
