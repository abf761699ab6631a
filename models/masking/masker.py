"""The door of masking: text in, text of the same length out, with what was hidden and where.

    masker = load(("email", "name"))
    masker.mask("Ask Tom, tom@example.com")
    →  Masked("Ask [n], [email________]", (Hidden("name", 4, 7), Hidden("email", 9, 24)))

A mask is as long as what it hides. So offsets fit the text as it was sent and the text as it is stored, no text
grows beyond its limit, and its price is that the length of what was hidden stays to be seen. Where there is no
room for the whole word, as much of it stands there as fits.

Needs the extra `privacy` (presidio-analyzer).
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from models.errors import MissingExtraError
from models.masking.kinds import Kind
from models.text import clean

_SURER: tuple[Kind, ...] = ("name", "address", "phone", "account", "card", "email")
"""Of two kinds that claim the same stretch, the one further behind is believed."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A stretch of text that is masked, in code points, end exclusive."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Masked:
    """A text after masking, as long as before, and what is hidden in it, from left to right."""

    text: str
    hidden: tuple[Hidden, ...]


class Masker:
    """Finds by `find` and hides. Safe to use from several threads."""

    def __init__(self, find: Callable[[str], Iterable[Hidden]]) -> None:
        self._find = find

    def mask(self, text: str) -> Masked:
        """Hide the personal data that is found; not all of it is."""
        hidden = merged(self._found(clean(text)))
        parts, done = [], 0
        for one in hidden:
            parts += [text[done : one.start], cover(one.kind, one.end - one.start)]
            done = one.end
        return Masked("".join((*parts, text[done:])), hidden)

    def _found(self, text: str) -> list[Hidden]:
        found = list(self._find(text))
        seen, starts = as_seen(text)
        if seen != text:
            # A name is no other one for its accents being signs of their own, or for what nobody sees in it.
            found += [Hidden(one.kind, starts[one.start], starts[one.end]) for one in self._find(seen)]
        return found


def as_seen(text: str) -> tuple[str, Sequence[int]]:
    """A text as a reader sees it, and where in `text` each of its characters begins, and its end.

    A letter and its accents are one character, as far as there is one (NFC; Unicode Standard Annex 15), or the letter
    alone; soft hyphens, joiners and other formatting signs (category Cf) are left out.
    """
    if text.isascii():
        return text, range(len(text) + 1)
    seen: list[str] = []
    starts: list[int] = []
    for place, char in enumerate(text):
        category = unicodedata.category(char)
        if category == "Mn" and seen:
            seen[-1] = unicodedata.normalize("NFC", seen[-1] + char)[0]
        elif category != "Cf":
            seen.append(char)
            starts.append(place)
    return "".join(seen), [*starts, len(text)]


def cover(kind: Kind, length: int) -> str:
    """The mask of a kind, `length` (at least 1) code points long.

    >>> cover("name", 9), cover("name", 4), cover("name", 1)
    ('[name___]', '[na]', '_')
    """
    if length < 2:
        return "_"
    return f"[{kind[: length - 2].ljust(length - 2, '_')}]"


def merged(found: Iterable[Hidden]) -> tuple[Hidden, ...]:
    """Spans in order without overlap: those that overlap become one, of the kind of the longest (`_SURER`)."""
    groups: list[list[Hidden]] = []
    end = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if groups and one.start < end:
            groups[-1].append(one)
        else:
            groups.append([one])
        end = max(end, one.end)
    return tuple(_union(group) for group in groups)


def _union(group: list[Hidden]) -> Hidden:
    longest = max(group, key=lambda one: (one.end - one.start, _SURER.index(one.kind)))
    return Hidden(longest.kind, group[0].start, max(one.end for one in group))


def installed() -> bool:
    """Whether the extra that masking needs is there; imports nothing."""
    return find_spec("presidio_analyzer") is not None


@cache
def load(kinds: tuple[Kind, ...]) -> Masker:
    """A masker of these kinds, made once a process. Raises `MissingExtraError`."""
    if not installed():
        raise MissingExtraError("masking needs the extra privacy: pip install -e '.[privacy]'")
    # Here and not above: it brings spaCy along, which costs seconds.
    from models.masking.engine import finder

    return Masker(finder(kinds))
