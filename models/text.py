"""The one and only cleaning of text, and what can be judged of a text before any model reads it.

`clean` keeps the length: one code point in, one code point out, so that every offset into the cleaned text
is an offset into the text as it was sent. Training, serving and evaluation all call it.
"""

import re
import unicodedata
from enum import Enum

# Typographic signs that the tokenizer would otherwise see as other words.
_SAME_SIGN = str.maketrans("‘’‚‛“”„‟′″`´–—‐‑−", "''''\"\"\"\"'\"''-----")

# Those of old files, of word processors ("soft" ones) and of Unicode.
_LINE_BREAKS = "\r\x0b\x0c\x85\u2028\u2029"

# Answers that say nothing, whatever the question.
_BLANK_ANSWERS = frozenset(
    "na|n a|not applicable|no comment|no comments|no answer|did not answer|not answered|blank|no reply|"
    "no response|no further comment|no further comments|nothing to add|nothing to say|nothing else|"
    "nothing else to add|see above|as above|tbc|test|x|xx|xxx".split("|")
)
# Answers that say nothing, unless the question asked what is good or bad: "Nothing" then is an answer.
_BARE_ANSWERS = frozenset("nothing|none|no|nil|nope|not really|nothing really|none really|yes|ok".split("|"))
_ASKS_FOR_FAULTS = re.compile(
    r"\b(improv\w*|better|chang\w*|wrong|dislik\w*|least|dissatisf\w*|problem\w*)\b", re.I
)
_ASKS_FOR_PRAISE = re.compile(
    r"\b(good|well|best|like|liked|enjoy\w*|satisf\w*"
    r"|(?:go|goes|going|went|do|does|doing|did|done|get|gets|getting|got)(?:\s+(?:it|things))?\s+right)\b",
    re.I,
)
# "Anything else you would like to add?" asks for neither, no more than "Is this the right number?": "No" says nothing.
_WISH = re.compile(r"(?:\bwould|'d)(?:\s+\w+){0,2}\s+like\b", re.I)


class Content(Enum):
    """What there is to read."""

    WORDS = "words"
    NOTHING = "nothing"
    SIGNS_ONLY = "signs_only"  # emoji and other signs: they mean something, but not to the model


def clean(text: str) -> str:
    """Return `text` with line breaks of all kinds alike, control characters blanked, and
    typographic quotes and dashes made plain.

    The result has exactly as many code points as `text`. Lone surrogates become U+FFFD, because they cannot
    be encoded as UTF-8.
    """
    plain = text.translate(_SAME_SIGN)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(map(_clean_sign, plain.replace("\r\n", " \n")))


def content_of(text: str, question: str | None = None) -> Content:
    """Say whether a cleaned text holds words to read, judged with its survey question.

    >>> content_of("None"), content_of("None", "What could we improve?"), content_of("👍")
    (<Content.NOTHING: 'nothing'>, <Content.WORDS: 'words'>, <Content.SIGNS_ONLY: 'signs_only'>)
    """
    words = " ".join(re.findall(r"\w+", text.lower().replace("'", "")))
    if not words:
        return Content.SIGNS_ONLY if any(_is_sign(char) for char in text) else Content.NOTHING
    if words in _BLANK_ANSWERS:
        return Content.NOTHING
    if words in _BARE_ANSWERS and not asks_for_a_side(question):
        return Content.NOTHING
    return Content.WORDS if any(char.isalnum() for char in words) else Content.NOTHING


def asks_for_a_side(question: str | None) -> bool:
    """Whether the question asks for what is good or what is bad, so that "nothing" is an answer."""
    if not question:
        return False
    return bool(_ASKS_FOR_FAULTS.search(question) or _ASKS_FOR_PRAISE.search(_WISH.sub("", question)))


def _clean_sign(char: str) -> str:
    if char in "\n\t":
        return char
    if char in _LINE_BREAKS:
        return "\n"
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    # Controls, and the many kinds of blank; joiners inside emoji (Cf) are left to the tokenizer.
    return " " if category in ("Cc", "Zs", "Zl", "Zp") else char


def _is_sign(char: str) -> bool:
    return unicodedata.category(char) in ("So", "Sk", "Sm", "Sc", "Co", "Cn")


def words_of(text: str) -> list[str]:
    """Its words in lower case, without signs."""
    return re.findall(r"\w+", text.lower())
