"""Which comments are held out: whole groups of near-duplicates and of one customer's comments, by a hash, so that no
text has its twin on the other side and others that are added leave it where it is.

A group goes by its customer, else by its least text: a near-duplicate that sorts before it may move it.

Near-duplicates share a word shingle signature: MinHash over 3-word shingles in bands (Broder 1997).
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from evaluation.frozen import FEW
from models.text import words_of

_HASHES, _BAND = 24, 4  # six bands of four: pairs of Jaccard similarity 0.7 meet with probability 0.8


def held_out(
    texts: Sequence[str], share: float, *, seed: int, customers: Sequence[str | None] = ()
) -> list[bool]:
    """Which texts are held out: about `share` of the groups of near-duplicates and of texts of one customer.

    The choice depends on the group's own texts and on `seed` alone.
    """
    groups = group_near_duplicates(texts, customers)
    firsts: dict[int, str] = {}
    for text, customer, group in zip(texts, customers or [None] * len(texts), groups, strict=True):
        # A customer sorts before all words.
        name = " ".join(words_of(text)) if customer is None else f"\0{customer}"
        firsts[group] = min(firsts.get(group, name), name)
    chosen = {group: _uniform(f"{seed} {first}") < share for group, first in firsts.items()}
    return [chosen[group] for group in groups]


def group_near_duplicates(texts: Sequence[str], customers: Sequence[str | None] = ()) -> list[int]:
    """A group number for each text; texts that share a band of their signature, or a customer, are in one group.

    A customer's short text ("good service") goes with that customer alone: what many say would make one group of all
    their comments.
    """
    parents = list(range(len(texts)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    meetings: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        words = words_of(text)
        if len(words) < FEW and customers and customers[place] is not None:
            continue
        signature = _signature(words)
        for band in range(0, _HASHES, _BAND):
            meetings[band, signature[band : band + _BAND]].append(place)
    theirs: dict[str, list[int]] = defaultdict(list)
    for place, customer in enumerate(customers):
        if customer is not None:
            theirs[customer].append(place)
    for places in (*meetings.values(), *theirs.values()):
        for place in places[1:]:
            parents[root(place)] = root(places[0])
    return [root(place) for place in range(len(texts))]


def _signature(words: list[str]) -> tuple[int, ...]:
    shingles = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    digests = [
        hashlib.blake2b(shingle.encode(), digest_size=8 * _HASHES // 4).digest() for shingle in shingles
    ]
    return tuple(min(int.from_bytes(d[2 * i : 2 * i + 2]) for d in digests) for i in range(_HASHES))


def _uniform(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
