"""E-mail addresses, phone numbers and card numbers that Presidio's recognisers leave.

Every function takes a cleaned text and gives spans in code points, end exclusive.
"""

import re
from collections.abc import Iterator

_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^{|}~-])[\w.!#$%&'*+/=?^{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
# "jo at example dot com", as people write to be clever.
_SPELT = re.compile(
    r"\b[\w.+-]{1,64} ?(?:\(at\)|\[at\]| at ) ?[\w-]{1,63} ?(?:\(dot\)|\[dot\]| dot ) ?[a-z]{2,6}\b", re.I
)
_PHONE_FORMS = re.compile(
    r"""(?<![\w#/.-])(?:
        (?:\+?1[ .-]?)?\(\d{3}\)[ ]?\d{3}[ .-]?\d{4}     # (212) 555-0147
      | (?:\+?1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}         # 212-555-0147, 212.555.0147
      | (?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6} # +49 30 23125 001
      | 0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}                # 0131 496 0123, 07700 900123
      | 0\d{3}[ ]\d{3}[ ]\d{3}                          # 0491 570 006
      | \d{10,15}                                     # what is as long and nothing else
    )(?![\w-]|\.\d)""",
    re.X,
)
_PHONE_WORDS = re.compile(
    r"\b(?:phone|mobile|mob|cell|cellphone|tel|telephone|landline|whatsapp|fax|ring|rang|rung|call(?:ed|ing)?|"
    r"text(?:ed)?|dial(?:led)?|reach|number|contact)\b[^\d\n.!?]{0,30}?(?=[+(\d])",
    re.I,
)
_LOCAL_NUMBER = re.compile(
    r"[+(]?(?:\d{3}[ .-]\d{4}(?![\d-])|\d(?:[ ().-]{0,2}\d){8,14})(?!\w|[.:/]\d|-\d)(?:[ ]?(?:ext|x)\.?[ ]?\d{1,5}\b)?"
)
_AND = re.compile(r"[ ,]+(?:or|and|to|&|/)[ ](?:the[ ])?(?:\w+[ ])?", re.I)
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_FOURS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}")
_ISSUERS = "23456"


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Addresses, also spelt out."""
    if "@" in text:
        yield from ((found.start(), found.end()) for found in _EMAIL.finditer(text))
    yield from (found.span() for found in _SPELT.finditer(text))


def phones(text: str) -> Iterator[tuple[int, int]]:
    """Numbers by their form, and shorter ones after a word such as "call" or "mobile"."""
    yield from (found.span() for found in _PHONE_FORMS.finditer(text))
    for word in _PHONE_WORDS.finditer(text):
        place = word.end()
        while number := _LOCAL_NUMBER.match(text, place):
            yield number.span()
            joined = _AND.match(text, number.end())
            place = joined.end() if joined else len(text)


def cards(text: str) -> Iterator[tuple[int, int]]:
    """13 to 19 digits that an issuer may have given, with a sound check digit, or in four groups of four."""
    for found in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", found[0])
        if digits[0] in _ISSUERS and (luhn(digits) or _FOURS.fullmatch(found[0])):
            yield found.span()


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
