"""Numbers by which a firm or a state knows a person: accounts, orders, policies, claims, passports.

By the word before them ("policy number HX-20419"), by a form of their own (US social security, parcel numbers),
or by sixteen digits and more in a row. Prices, dates, sizes and counts are left.
"""

import re
from collections.abc import Iterator

_NOUNS = (
    r"account|acct|a/c|acc|order|invoice|policy|claim|case|ticket|booking|reservation|reference|ref|tracking|"
    r"membership|member|customer|client|user|contract|loan|mortgage|patient|nhs|hospital|passport|"
    r"driving licen[cs]e|licen[cs]e|ssn|social security|national insurance|ni|iban|sort code|confirmation|parcel|"
    r"shipment|consignment|employee|meter|registration|reg|plate|pnr|rma|incident|complaint|file|docket|student|"
    r"card|voucher|subscription|insurance|transaction|payment"
)
_MARKS = r"number|numbers|no\.?|nr\.?|num|id|ref|reference|code|details"
_CODE = r"[A-Z0-9]+(?:[/-][A-Z0-9]+)*"
_NAMED = re.compile(
    rf"\b(?P<noun>{_NOUNS})s?\b(?P<marks>(?:[ ]?(?:#|(?:{_MARKS})(?![\w])))*)"
    rf"(?:[ ]?[:=#]+|[ ](?:is|was|are)\b)*[ ]?[\"'(]?(?P<sign>\#?)"
    rf"(?P<code>(?=[A-Z/-]*\d){_CODE}(?:[ ]\d{{2,4}}){{0,5}})(?![\w.]?\d|[%\w])",
    re.I,
)
_MORE = re.compile(rf"[ ]?(?:,|and|&|or)[ ](?:(?:{_NOUNS})[ ])?\#?(?P<code>{_CODE})(?![\w.]?\d|[%\w])", re.I)
_HASH = re.compile(rf"(?<!\w)\#(?P<code>{_CODE})\b", re.I)
_PLATE = re.compile(
    r"\b(?:reg|registration|plate|number plate)\b[ ]?(?:is|:)?[ ](?P<code>[A-Z]{2}\d{2}[ ]?[A-Z]{3})\b", re.I
)
_FORMS = re.compile(
    r"""\b(?:
        \d{3}-\d{2}-\d{4}                       # US social security
      | [A-CEGHJ-PR-TW-Z]{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D]  # UK national insurance
      | 1Z[0-9A-Z]{16}                          # parcels
      | [A-Z]{2}\d{9}[A-Z]{2}
      | \d{16,30}
    )\b(?!\.\d)""",
    re.X,
)


def accounts(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the numbers alone, without the words that name them."""
    if not any(char.isdigit() for char in text):
        return
    yield from (found.span() for found in _FORMS.finditer(text))
    for pattern in (_HASH, _PLATE):
        for found in pattern.finditer(text):
            if pattern is _PLATE or _is_code(found["code"], marked=True):
                yield found.span("code")
    for found in _NAMED.finditer(text):
        if _is_code(found["code"], marked=bool(found["marks"] or found["sign"])):
            yield found.span("code")
            yield from _others(text, found.end())


def _others(text: str, place: int) -> Iterator[tuple[int, int]]:
    while (more := _MORE.match(text, place)) and _is_code(more["code"], marked=False):
        yield more.span("code")
        place = more.end()


def _is_code(code: str, *, marked: bool) -> bool:
    """Whether it looks given by a register; a year or a count does not, unless a word says that it is one."""
    digits = sum(char.isdigit() for char in code)
    letters = sum(char.isalpha() for char in code)
    if marked:
        return digits >= 3 or (digits > 0 and letters > 0 and len(code) >= 5)
    return digits >= 5 or (letters > 0 and digits >= 2 and len(code) >= 5)
