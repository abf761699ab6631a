"""Which language a text is in, judged before the model: the model reads English.

Built on py3langid (BSD). Its best guess on a short English answer is often wrong ("Excellent" looks French),
so English is doubted only when another language is clearly more likely, and more clearly where a quarter of
the words are common English ones: "no", "me", "in", "was" and "service" are words of other languages too.
Texts too short to tell are "und" and are read all the same.
"""

import re
import threading
import unicodedata
from functools import cache
from typing import Any

from models.schema import Language

SUPPORTED = frozenset({"en"})
UNKNOWN = "und"
# ISO 639-2 and -3 name it by three letters.
_SAME = {"eng": "en"}
# Languages that customers' comments come in; a longer list makes short texts less certain.
_CANDIDATES = (
    "en ar bg bn cs da de el es fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sr sv ta th "
    "tr uk ur vi zh am cy ga gu hy ka km kn lo ml mr mt pa si sq te"
).split()
# How much more likely (in nats of log-probability) another language must be before English is given up. With
# these, 5 of 26,700 survey answers, app reviews and written comments were given up, and 13 of the 13 foreign
# ones among the example comments.
_MARGIN = 12.0
_MARGIN_PER_WORD, _MARGIN_PER_ENGLISH_WORD = 1.5, 3.0
_GETTING_READY = threading.Lock()
_ENGLISH_WORDS = frozenset(
    "the and to of is was were it that this for with not but have has had are be been you your they their my "
    "we our i me so very good great bad no on in at from by as all just would could when what there which "
    "service staff help helpful friendly easy nice thank thanks excellent".split()
)


def detect(text: str, declared: str | None = None) -> Language:
    """Return the language of a cleaned text; a declared one is believed, region subtags aside ("en-GB").

    "und" declares nothing.
    """
    code = re.split(r"[-_]", (declared or "").strip().lower())[0]
    if code and code != UNKNOWN:
        code = _SAME.get(code, code)
        return Language(code=code, supported=code in SUPPORTED)
    code = _guess(text)
    return Language(code=code, supported=code in SUPPORTED or code == UNKNOWN)


def _guess(text: str) -> str:
    letters = [char for char in text if char.isalpha()]
    if len(letters) < 3:
        return UNKNOWN
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in _ENGLISH_WORDS for word in words) / max(len(words), 1)
    if english >= 0.5 and text.isascii():  # whatever the guess would be
        return "en"
    ranks: dict[str, float] = dict(_identifier().rank(text))
    best = max(ranks, key=lambda code: ranks[code])
    if sum("LATIN" in unicodedata.name(char, "") for char in letters) < 0.5 * len(letters):
        return UNKNOWN if best == "en" else best
    if best == "en":
        return "en"
    lead = ranks[best] - ranks["en"]
    per_word = _MARGIN_PER_ENGLISH_WORD if english >= 0.25 else _MARGIN_PER_WORD
    if lead >= max(_MARGIN, per_word * len(words)):
        return best
    return "en" if len(words) > 2 else UNKNOWN


def _identifier() -> Any:
    # One thread makes it ready while the others wait: it is one object, and choosing languages changes it.
    with _GETTING_READY:
        return _ready_identifier()


@cache
def _ready_identifier() -> Any:
    # Loads its model: not on import of this module.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    every = LanguageIdentifier.from_model_file(MODEL_FILE)
    every.set_languages(_CANDIDATES)
    # One that knows no others: the first would keep the 28 MB of all 140 for good.
    return LanguageIdentifier(
        every.nb_ptc,
        every.nb_pc,
        every.nb_classes,
        every.tk_nextmove,
        every.tk_output,
        tk_row=every.tk_row,
    )
