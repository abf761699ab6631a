"""Postal addresses: streets with a house number as in the US, the UK and the EU, PO boxes and postcodes.

The town, state and postcode after a street belong to its span. A town alone is no address.
"""

import re
from collections.abc import Iterator

_SURE = (
    r"street|road|avenue|ave|lane|ln|rd|blvd|boulevard|crescent|cres|terrace|gardens|gdns|parkway|pkwy|hwy|"
    r"highway|mews"
)
# Words that mean other things as well: only after a name in capitals.
_UNSURE = (
    r"St|Close|Cl|Drive|Dr|Court|Ct|Way|Place|Pl|Row|Walk|Hill|Grove|Park|Parade|Wharf|Quay|Circle|Cir|Square|Sq|"
    r"Green|Rise|View|Alley|Path|Trail|Loop|Plaza|Bank|Yard|Cottages|Fields|Heights|Point|Bridge"
)
_NUMBER = r"(?<![\w.,$£€#-])(?:\d{1,4}[A-Za-z]?/)?\d{1,5}[A-Za-z]?(?:-\d{1,4})?"
_NO_NAME = (
    r"(?!(?:in|a|an|the|of|to|my|your|our|on|at|for|from|and|or|by|with|is|was|are|were|that|this|it|times?|days?|"
    r"weeks?|months?|years?|hours?|hrs?|min(?:ute)?s?|people|stars?|miles?|km|metres?|meters?|doors?|out|down|up)\b)"
)
_WORD = r"[^\W\d_][\w'.-]*"
_CAPITAL = r"\b[A-ZÀ-ÖØ-Þ][\w'-]{0,30}\.?"
_FLAT = r"(?:(?:flat|apt|apartment|unit|suite|ste|room|floor)\.?[ ](?:\w?\d{1,4}\w?|[a-z]),?[ ])?"
_POSTCODE = r"(?:GIR ?0AA|[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2})"
_TAIL = (
    rf"(?:,?[ ](?i:apt|apartment|unit|flat|suite|ste|no|\#)\.?[ ]?\w{{1,5}}\b)?"
    rf"(?:,?[ ](?:{_CAPITAL}[ ]?){{1,3}}(?=,|[ ]?\b[A-Z]{{2,3}}\b|[ ]?\d|[ ]?{_POSTCODE}))?"
    rf"(?:,?[ ]?\b[A-Z]{{2,3}})?(?:,?[ ]?(?:{_POSTCODE}|\d{{4,5}}(?:-\d{{4}})?)\b)?"
)
_STREETS = re.compile(
    rf"(?i:{_FLAT}){_NUMBER},?[ ](?:"
    rf"(?:(?i:{_NO_NAME}{_WORD})[ ]){{1,3}}(?i:{_SURE})\b\.?"
    rf"|(?:{_CAPITAL}[ ]){{1,3}}(?:{_UNSURE})\b\.?"
    rf"){_TAIL}"
)
_LOWER = re.compile(  # 221 elm street springfield il 62704
    rf"{_NUMBER}[ ](?:{_NO_NAME}{_WORD}[ ]){{1,3}}(?:{_SURE}|{_UNSURE})\b(?:,?[ ]{_WORD}){{1,3}}[ ](?:[a-z]{{2}}[ ])?"
    r"\d{5}\b",
    re.I,
)
_ROMANCE = re.compile(
    r"(?:(?<![\w.,$£€#-])\d{1,4}(?:[ ]?(?:bis|ter))?,?[ ])?"
    r"\b(?i:rue|avenue|boulevard|chemin|allée|impasse|quai|via|viale|corso|piazza|calle|avenida|paseo|carrer|plaza|rua)"
    rf"(?:[ ](?:de|des|du|del|della|dei|la|las|los|le|les|l'|d'|da|do))*[ ](?:{_CAPITAL})(?:[ ]{_CAPITAL}){{0,3}}"
    r"(?:,?[ ]\d{1,4}\b)?(?P<town>(?:,[ ]?|[ ])\d{4,5}[ ][^\W\d_][\w'-]*)?"
)
_GERMANIC = re.compile(
    r"\b[A-ZÄÖÜ][\w-]*(?:straße|strasse|str\.|weg|allee|platz|gasse|damm|ufer|straat|laan|gracht|plein|kade|singel|"
    r"vägen|gatan|vej|gade)[ ]\d{1,4}[ ]?[a-z]?\b(?:,?[ ]\d{4,5}(?:[ ][A-Z]{2})?[ ][^\W\d_][\w'-]*)?"
)
_PO_BOX = re.compile(
    rf"\bP\.?[ ]?O\.?[ ]?Box[ ]\d{{1,6}}(?:,?[ ](?:{_CAPITAL}[ ]?){{1,3}}(?:,?[ ]?[A-Z]{{2}})?[ ]?\d{{5}})?",
    re.I,
)
_BEFORE_POSTCODE = re.compile(
    rf"\b(?:{_CAPITAL}(?:[ ]{_CAPITAL}){{0,3}},[ ]){{0,3}}(?:{_CAPITAL}[ ]){{0,2}}{_POSTCODE}\b"
)
_ZIP = re.compile(
    r"\b(?:zip|zip ?code|post ?code|postal code|plz)\b(?:[ ]?[:=]|[ ](?:is|was))?[ ](?P<code>\d{4,5}(?:-\d{4})?|"
    r"[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})\b",
    re.I,
)
_STATE_ZIP = re.compile(r"\b[A-Z]{2}[ ]\d{5}(?:-\d{4})?\b")


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Spans of streets with all that follows, of boxes, and of postcodes that stand alone."""
    if not any(char.isdigit() for char in text):
        return
    for pattern in (_STREETS, _LOWER, _GERMANIC, _PO_BOX, _BEFORE_POSTCODE, _STATE_ZIP):
        yield from (_trimmed(text, *found.span()) for found in pattern.finditer(text))
    for found in _ROMANCE.finditer(text):
        # A street's name alone is no address.
        if any(char.isdigit() for char in found[0]):
            yield _trimmed(text, *found.span())
    yield from (found.span("code") for found in _ZIP.finditer(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while text[end - 1] in " ,.":
        end -= 1
    return start, end
