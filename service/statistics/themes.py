"""Themes that emerge from texts: groups of words that texts have together more often than chance would.

    found = themes(texts)                                  Theme(words=("parking", "garage", "ticket"), rows=(3, 17, …))
    having(documents, found[0].words)                      the rows of other texts, as `words_of`, that speak of it

Half of the texts propose a theme, the other half must bear it out: words that meet by chance in one half do not meet
in the other. No random number is drawn, so that the same texts have the same themes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from service.statistics.differences import discoveries

MIN_TEXTS = 50
"""Fewer different texts than this say nothing."""
MIN_SIZE = 10
"""Fewer texts than this are no theme."""
NAMES = 6
MOST = 20
TOGETHER = 2
"""So many of its words make a text one of the theme's."""
FALSE_THEMES = 0.01
_MIN_WORD = 5
_MOST_OF_TEXTS = 0.25
_MOST_WORDS = 60
_MIN_TOGETHER = 4
_MIN_LIFT = 2.5
_CLUMP = 3
_WORD = re.compile(r"[^\W\d_]{3,}")
# Function words of English; those of other languages are too frequent to be a theme's.
_PLAIN = frozenset(
    "the and for are was were been being not but you your yours our ours they them their theirs this that these those "
    "with have has had having from would could should will can cannot did does doing done just very also too than "
    "then there here when where what which who whom why how all any some more most much many other another such only "
    "own same out about after again before because into over under until while its his her hers him she himself "
    "herself itself themselves get got gets getting one two even ever never still really quite always really don "
    "didn doesn isn wasn won couldn wouldn shouldn haven hasn hadn aren weren".split()
)
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """Its words, the most telling first; its rows, those with most of the words first; chance's share in it."""

    words: Words
    rows: tuple[int, ...]
    p: float


def themes(texts: Sequence[str]) -> list[Theme]:
    """The themes that are more than chance, the largest first; every text belongs to one at most.

    Texts that are word for word the same count once as evidence, and as often as they are there in `rows`.
    """
    documents = [words_of(text) for text in texts]
    different = list(dict.fromkeys(documents))
    if len(different) < MIN_TEXTS:
        return []
    vocabulary = _vocabulary(different)
    known = [tuple(word for word in document if word in vocabulary) for document in different]
    # In turns, so that both halves are of all days.
    proposing, proving = known[::2], known[1::2]
    proposed = list(_proposed(proposing))
    frequency, spread = _frequency(proving), _spread(proving)
    ps = [_by_chance(proving, words, frequency, spread) for words in proposed]
    real = discoveries(ps, FALSE_THEMES)
    borne_out = [(words, p) for words, p, one in zip(proposed, ps, real, strict=True) if one]
    return _shared_out(documents, borne_out)


def words_of(text: str) -> Words:
    """What counts of a text: its words of three letters and more, each once, without function words."""
    return tuple(dict.fromkeys(w for w in _WORD.findall(text.casefold()) if w not in _PLAIN))[:_MOST_WORDS]


def _vocabulary(documents: Sequence[Words]) -> set[str]:
    frequency = _frequency(documents)
    most = _MOST_OF_TEXTS * len(documents)
    return {word for word, n in frequency.items() if _MIN_WORD <= n <= most}


def _proposed(documents: Sequence[Words]) -> Iterator[Words]:
    """Names of themes from one half, the pair of words that surely meets most often first."""
    taken: set[str] = set()
    left, proposed = list(documents), 0
    frequency = _frequency(documents)
    for pair in _pairs(documents):
        if taken & set(pair):
            continue
        core = [document for document in left if pair[0] in document and pair[1] in document]
        if len(core) < _MIN_TOGETHER:
            continue
        words = _names(core, frequency, len(documents))
        # Once more from all that have two of these words, not only from those with the first two.
        own = [left[row] for row in having(left, words)]
        words = _names(own, frequency, len(documents))
        taken |= {*pair, *words}
        gone = set(having(left, words))
        left = [document for row, document in enumerate(left) if row not in gone]
        yield words
        proposed += 1
        if proposed == MOST:
            return


def _pairs(documents: Sequence[Words]) -> list[tuple[str, str]]:
    """Pairs of words that texts have together more often than chance would, the surest first.

    Many of them are chance all the same: whether a theme is comes out in the other half.
    """
    frequency = _frequency(documents)
    together = Counter(pair for document in documents for pair in combinations(sorted(document), 2))
    spread = _spread(documents)
    judged = []
    for (one, other), n in together.items():
        expected = frequency[one] * frequency[other] * spread
        if n >= _MIN_TOGETHER and n >= _MIN_LIFT * expected:
            judged.append((_log_tail(n, expected), (one, other)))
    return [pair for _, pair in sorted(judged)]


def _frequency(documents: Sequence[Words]) -> Counter[str]:
    """In how many texts each word is."""
    return Counter(chain.from_iterable(documents))


def _names(own: Sequence[Words], frequency: Counter[str], texts: int) -> Words:
    """The words that tell a class of texts from all, by c-TF-IDF.

    tf(word, class) · log(1 + A / f(word)) with A the mean number of words of a class and f the word's frequency over
    all classes (Grootendorst 2022, BERTopic, section 3.3); here the classes are these texts and all others.
    """
    of_class = _frequency(own)
    mean = frequency.total() / 2
    weight = {word: n * math.log(1 + mean / frequency[word]) for word, n in of_class.items()}
    # A word that is hardly less frequent elsewhere names nothing.
    share = len(own) / texts
    telling = [word for word in weight if of_class[word] >= _MIN_LIFT * share * frequency[word]]
    return tuple(sorted(telling, key=lambda word: (-weight[word], word))[:NAMES])


def _by_chance(documents: Sequence[Words], words: Words, frequency: Counter[str], spread: float) -> float:
    """The probability that the words meet in texts as often, were they spread over texts by chance.

    `frequency` and `spread` are those of the documents.

    Meetings are pairs of the words, of one text `_CLUMP` at most: sums of independent numbers between 0 and that have
    the tail of Poisson's to the power of 1 / _CLUMP, at most (Chernoff 1952).
    """
    pairs = sum(frequency[one] * frequency[other] for one, other in combinations(words, 2))
    wanted = set(words)
    met = sum(min(math.comb(len(wanted.intersection(one)), 2), _CLUMP) for one in documents)
    return math.exp(_log_tail(met, pairs * spread) / _CLUMP)


def _spread(documents: Sequence[Words]) -> float:
    """How often two words meet for each time that each is there: the longer texts are, the more often."""
    lengths: NDArray[np.float64] = np.array([len(document) for document in documents], dtype=float)
    total = lengths.sum()
    return float((lengths * (lengths - 1)).sum() / total**2) if total else 0.0


def _log_tail(n: float, expected: float) -> float:
    """An upper bound on the logarithm of the Poisson probability of `n` or more (Chernoff 1952)."""
    if n <= expected:
        return 0.0
    return -(n * math.log(n / max(expected, 1e-12)) - n + expected)


def having(documents: Sequence[Words], words: Words) -> list[int]:
    """The rows of the texts that have at least two of the words, those with most of them first."""
    wanted = set(words)
    found = [
        (len(wanted.intersection(document)), row)
        for row, document in enumerate(documents)
        if not wanted.isdisjoint(document)
    ]
    return [row for n, row in sorted(found, key=lambda one: (-one[0], one[1])) if n >= TOGETHER]


def _shared_out(documents: Sequence[Words], proposed: Sequence[tuple[Words, float]]) -> list[Theme]:
    """Each text to the first theme that it speaks of; what is too small then is none."""
    gone: set[int] = set()
    frequency = _frequency(documents)
    found = []
    for half, p in proposed:
        # All texts know the words better than the half that proposed them.
        words = _names([documents[row] for row in having(documents, half)], frequency, len(documents))
        rows = tuple(row for row in having(documents, words) if row not in gone)
        if len(rows) >= MIN_SIZE:
            gone |= set(rows)
            found.append(Theme(words, rows, p))
    return sorted(found, key=lambda theme: (-len(theme.rows), theme.words))[:MOST]
