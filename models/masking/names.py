"""People's names: by the words round them ("spoke to …", "my name is …", a sign-off, a title) and by first names.

    names("Spoke to Janelle, then to dr Okafor")  →  (9, 16), (29, 35)

The words are in `names.toml`, the first names, of our own writing, in `first_names.txt`. A first name that is no
other word is found anywhere, in capitals; any capitalised word after words that promise a name. Titles stay.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*\.?")
_TITLE = re.compile(
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|doctor|sir|madam|nurse|sister|herr|frau|monsieur|madame|mme|señora?)"
    r"\.?[ ]",
    re.I,
)
_LINK = re.compile(r"(?:[ ]?[,&/][ ]?|[ ])(?:(?:and|or|then)[ ])?(?:then[ ])?(?:back[ ])?(?:to[ ])?", re.I)
_ENDS = re.compile(r"[ .!]{0,4}(?:\n|$|[,.!][ ])")
_BREAK = re.compile(r"[ ]?(?:$|[,.;!?()\n]|(?:and|from|here|i|on|at|who)\b)", re.I)
_CAPITAL = re.compile(r"[ ](?:[a-z]+[ ])?[A-ZÀ-ÖØ-Þ]")
_DASH = re.compile(r"(?:^|\n|[.!?][ ]*)[ ]?[-~][ ]?(?=[^\W\d_])")
_SURNAMES = 3
"""Words that a name may have after its first."""


@dataclass(frozen=True)
class _Words:
    first: frozenset[str]
    ambiguous: frozenset[str]
    never: frozenset[str]
    particles: frozenset[str]
    before: re.Pattern[str]
    weak_before: re.Pattern[str]
    after: re.Pattern[str]
    greeting: re.Pattern[str]
    speaks: re.Pattern[str]
    sign_off: re.Pattern[str]


@cache
def _words() -> _Words:
    folder = Path(__file__).parent
    table = tomllib.loads((folder / "names.toml").read_text(encoding="utf-8"))
    ambiguous = frozenset(table["ambiguous"].split())
    return _Words(
        first=frozenset((folder / "first_names.txt").read_text(encoding="utf-8").split()) | ambiguous,
        ambiguous=ambiguous,
        never=frozenset(table["never"].split()),
        particles=frozenset(table["particles"].split()),
        before=re.compile(rf"\b(?:{'|'.join(table['before'])})[ ]?\"?(?<=[\s:,(\"=])(?=\w)", re.I),
        weak_before=re.compile(rf"\b(?:{'|'.join(table['weak_before'])})[ ](?=\w)", re.I),
        after=re.compile("|".join(table["after"]), re.I),
        greeting=re.compile(rf"\b{table['greeting']}[ ](?=\w)", re.I),
        speaks=re.compile(
            rf"(?<!my )(?<!the )(?<!your )(?<!a )\b(?P<name>{'|'.join(sorted(ambiguous))})\b{table['speaks']}",
            re.I,
        ),
        sign_off=re.compile(
            rf"(?:^|[\n.!?,-])[ ]?(?:\w{{1,12}}[ ]){{0,2}}{table['sign_off']}[ ]?[,.!-]{{0,3}}\s{{1,4}}-?[ ]?(?=\w)",
            re.I,
        ),
    )


def names(text: str) -> Iterator[tuple[int, int]]:
    """Spans of names; first name and surname together are one."""
    words, seen = _words(), set[tuple[int, bool]]()
    for pattern, known in ((_TITLE, False), (words.before, False), (words.weak_before, True)):
        for found in pattern.finditer(text):
            yield from _list_at(text, found.end(), seen, known=known)
    for pattern in (words.greeting, words.sign_off, _DASH):
        for found in pattern.finditer(text):
            span = _name_at(text, found.end(), known=False)
            if span and _ENDS.match(text, span[1]):
                yield span
    yield from (found.span("name") for found in words.speaks.finditer(text))
    yield from _anywhere(text, words, seen)


def _anywhere(text: str, words: _Words, seen: set[tuple[int, bool]]) -> Iterator[tuple[int, int]]:
    for word in _WORD.finditer(text):
        bare = _bare(word[0])
        if not word[0][0].isupper() or bare in words.never:
            continue
        sure = bare in words.first and bare not in words.ambiguous
        if sure or words.after.match(text, word.start() + len(word[0].rstrip("."))):
            yield from _list_at(text, word.start(), seen, known=False)
        elif bare in words.first:
            # "Joy Barlow", but not "Joy to use".
            span = _name_at(text, word.start(), known=False)
            if span and " " in text[slice(*span)]:
                yield span


def _list_at(text: str, place: int, seen: set[tuple[int, bool]], *, known: bool) -> Iterator[tuple[int, int]]:
    """The name that begins here, and those joined to it: "Ana, Bo and Cy"; none `seen` in a list before."""
    while (place, known) not in seen:
        seen.add((place, known))
        title = _TITLE.match(text, place)
        span = _name_at(text, title.end() if title else place, known=known and not title)
        link = _LINK.match(text, span[1]) if span else None
        if span:
            yield span
        if not link or link[0] == " ":
            return
        # A comma alone promises less than an "and".
        place, known = link.end(), known or link[0].strip() in (",", "/")


def _name_at(text: str, place: int, *, known: bool) -> tuple[int, int] | None:
    """The name that begins at a place; one that is not `known` needs a capital only."""
    words = _words()
    first = _WORD.match(text, place)
    if not first or not _may_begin(first[0], words, known=known):
        return None
    end = place + len(_bare_form(first[0]))
    for _ in range(_SURNAMES):
        word = _WORD.match(text, end + 1) if text[end : end + 1] == " " else None
        if not word or not _may_follow(text, word, words, lower=first[0].islower()):
            break
        end = word.start() + len(_bare_form(word[0]))
    return place, end


def _may_begin(word: str, words: _Words, *, known: bool) -> bool:
    form = _bare_form(word)
    bare = form.lower()
    if bare in words.first:
        return bare not in words.ambiguous or word[0].isupper() or not known
    shouted = form.isupper() and len(form) < 3
    return (
        not known and bare not in words.never and word[0].isupper() and not shouted and bare.strip("x") != ""
    )


def _may_follow(text: str, word: re.Match[str], words: _Words, *, lower: bool) -> bool:
    bare = _bare(word[0])
    if lower:
        # In small letters a surname is told by what ends it: "tobias wren and …".
        return bare not in words.never and len(bare) > 2 and bool(_BREAK.match(text, word.end()))
    if bare in words.particles:
        return bool(_CAPITAL.match(text, word.end()))
    return bare not in words.never and word[0][0].isupper()


def _bare(word: str) -> str:
    return _bare_form(word).lower()


def _bare_form(word: str) -> str:
    """Without a possessive, and without a full stop unless it is an initial's."""
    word = word if len(word) == 2 else word.rstrip(".")
    return word[:-2] if word.lower().endswith("'s") else word
