"""Two samples, judged by how often shuffling them sets them as far apart: no assumption but that they are drawn alike.

    mmd(new, old, rng)           vectors, shape (comments, dimensions)
    vocabulary(new, old, rng)    comments as sets of words

Each draw puts the comments of both samples together and calls a random part of them the new ones. Drawing stops as
soon as the answer is plainly no (Besag & Clifford 1991, Biometrika 78), so that quiet weeks cost little.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DRAWS = 1_999
"""So many that at 4 % one check among 77, of eleven sources, can be told from chance alone."""
_BATCH = 100
_EXCEEDED = 20
_RARE = 5
_MOST_WORDS = 5_000
TELLING = 20
"""Words that are told, at most."""


@dataclass(frozen=True, slots=True)
class Shuffled:
    """`distance` of two samples, and the share of shuffles with one as large.

    `typical` says of each new comment how much it is of the new kind, shape (new comments,); `words` are those that
    became more frequent, the plainest first, and `column` is that of the vectors that moved most.
    """

    distance: float
    p: float
    typical: Floats
    words: tuple[str, ...] = ()
    column: int | None = None


def mmd(new: Floats, old: Floats, rng: np.random.Generator) -> Shuffled:
    """The maximum mean discrepancy of two samples of vectors (Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012,
    Journal of Machine Learning Research 13), the largest over a family of kernels (Sriperumbudur, Fukumizu, Gretton,
    Lanckriet & Schölkopf 2009, NIPS 22): one for each column, x·y of that column in units of its spread.

    Where a part of the vectors is new and most columns are nearly always 0, this finds it much sooner than one Gaussian
    kernel over all columns does. `distance` is in standard deviations, and `typical` the witness function (section 2.3
    of the former). Columns that fewer than five vectors have anything in are left out.
    """
    both = np.concatenate([new, old])
    kept = np.flatnonzero((np.count_nonzero(both, axis=0) >= _RARE) & (np.ptp(both, axis=0) > 0))
    if not len(kept):
        return Shuffled(0.0, 1.0, np.zeros(len(new)))
    scaled = (both[:, kept] - both[:, kept].mean(0)) / both[:, kept].std(0)
    n, m = len(new), len(old)

    def gaps(masks: Mask) -> Floats:
        # All columns together have a mean of nothing: the one sample's sum is the other's, turned over.
        found: Floats = masks.astype(float) @ scaled * (1 / n + 1 / m)
        return found

    own = gaps((np.arange(n + m) < n)[None, :])[0]
    widest = int(np.argmax(np.abs(own)))
    observed = float(np.abs(own[widest]))
    p = _p(observed, lambda masks: np.abs(gaps(masks)).max(1), n, n + m, rng)
    return Shuffled(observed, p, np.sign(own[widest]) * scaled[:n, widest], column=int(kept[widest]))


def vocabulary(
    new: Sequence[frozenset[str]], old: Sequence[frozenset[str]], rng: np.random.Generator
) -> Shuffled:
    """Which words comments use: the largest deviance of any word (likelihood-ratio G of a word by sample, as Dunning
    1993 uses it to compare corpora, Computational Linguistics 19).

    Words of fewer than five comments are left out, and of more than 5,000 the rarest.
    """
    counts = Counter(chain.from_iterable((*new, *old)))
    known = [word for word, count in counts.most_common(_MOST_WORDS) if count >= _RARE]
    if not known:
        return Shuffled(0.0, 1.0, np.zeros(len(new)))
    words = _Words((*new, *old), known, len(new))
    own = np.arange(len(new) + len(old)) < len(new)
    deviances, rises = words.deviances(own)
    observed = float(deviances.max())
    p = _p(
        observed,
        lambda masks: np.array([words.deviances(mask)[0].max() for mask in masks]),
        len(new),
        len(own),
        rng,
    )
    telling = np.argsort(-np.where(rises, deviances, 0.0), kind="stable")[:TELLING]
    told = {known[place]: float(deviances[place]) for place in telling if rises[place]}
    typical = np.array([sum(told.get(word, 0.0) for word in one) for one in new])
    return Shuffled(observed, p, typical, tuple(told))


class _Words:
    """Words of comments as numbers, to be counted fast in any part of them."""

    def __init__(self, comments: Sequence[frozenset[str]], known: Sequence[str], new: int) -> None:
        numbers = {word: number for number, word in enumerate(known)}
        of = [[numbers[word] for word in one if word in numbers] for one in comments]
        self._word = np.array(list(chain.from_iterable(of)), dtype=np.int64)
        self._comment = np.repeat(np.arange(len(of)), [len(one) for one in of])
        self._all = np.bincount(self._word, minlength=len(known))
        self._new, self._old = new, len(of) - new
        # n log n, looked up.
        self._entropy = np.arange(len(of) + 1) * np.log(np.maximum(np.arange(len(of) + 1), 1))

    def deviances(self, chosen: Mask) -> tuple[Floats, Mask]:
        """Of each word between the chosen comments and the others, and whether the chosen have it more often."""
        new = np.bincount(self._word[chosen[self._comment]], minlength=len(self._all))
        old, f = self._all - new, self._entropy
        cells = f[new] + f[old] + f[self._new - new] + f[self._old - old]
        margins = f[self._all] + f[self._new + self._old - self._all] + f[self._new] + f[self._old]
        found: Floats = 2 * (cells - margins + f[-1])
        return found, new * self._old > old * self._new


def _p(
    observed: float,
    distances: Callable[[Mask], Floats],
    new: int,
    n: int,
    rng: np.random.Generator,
) -> float:
    """`distances` is asked for masks of the shape (draws, n), each of which has `new` chosen."""
    exceeded = drawn = 0
    # Shuffles that give the very same split differ by rounding alone.
    least = observed - 1e-6 * abs(observed)
    while drawn < DRAWS:
        count = min(_BATCH, DRAWS - drawn)
        masks = np.zeros((count, n), dtype=bool)
        # The smallest of random numbers: to part them off takes a fraction of the time that sorting takes.
        np.put_along_axis(masks, np.argpartition(rng.random((count, n)), new, axis=1)[:, :new], True, axis=1)
        hits = np.cumsum(distances(masks) >= least) + exceeded
        if hits[-1] >= _EXCEEDED:
            return _EXCEEDED / (drawn + int(np.searchsorted(hits, _EXCEEDED)) + 1)
        exceeded, drawn = int(hits[-1]), drawn + count
    return (exceeded + 1) / (drawn + 1)
