"""The same words are scored once: "nothing", "good service", "n/a" make up a good part of survey answers.

    scorer = CachedScorer(Encoder.open(artifact, runtime))

Kept are scores, never words: a text is known by a keyed hash of it and of its question, which means nothing
outside this process, and the evidence is cut from each comment anew.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence

from models.heads import Scores
from models.scorer import Reading, Scorer

MAX_SPANS = 50_000
"""Spans kept, some 250 bytes each."""
_LONGEST = 300
"""Code points: longer comments hardly ever come twice."""


def uncached(scorer: Scorer) -> Scorer:
    """The scorer behind the memory, for whoever measures it."""
    return scorer.scorer if isinstance(scorer, CachedScorer) else scorer


class CachedScorer:
    """A `Scorer` that remembers the scores of short texts, the least recently used forgotten first.

    Safe to call from several threads; two that ask for the same text at once may both compute it.
    """

    def __init__(self, scorer: Scorer, *, max_spans: int = MAX_SPANS) -> None:
        self.scorer = scorer
        self._max_spans = max_spans
        self._kept: OrderedDict[bytes, Scores] = OrderedDict()
        self._spans = 0
        self._lock = threading.Lock()
        self._secret = os.urandom(16)

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        """See `Scorer.score`."""
        keys = [self._key(reading) for reading in readings]
        found = self._remembered(keys)
        missing: dict[bytes, Reading] = {}
        for key, reading in zip(keys, readings, strict=True):
            if key not in found:
                missing.setdefault(key, reading)
        fresh = dict(zip(missing, self.scorer.score(list(missing.values())), strict=True)) if missing else {}
        self._remember({key: scores for key, scores in fresh.items() if _worth_keeping(missing[key])})
        return [found[key] if key in found else fresh[key] for key in keys]

    def _key(self, reading: Reading) -> bytes:
        hashed = hashlib.blake2b(key=self._secret, digest_size=16)
        # No cleaned text holds U+0000.
        hashed.update(f"{reading.question}\0{reading.text}".encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def _remembered(self, keys: Sequence[bytes]) -> dict[bytes, Scores]:
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
            return found

    def _remember(self, fresh: dict[bytes, Scores]) -> None:
        with self._lock:
            for key, scores in fresh.items():
                scores.flags.writeable = False
                self._spans += len(scores) - len(self._kept.get(key, ()))
                self._kept[key] = scores
            while self._spans > self._max_spans:
                _, oldest = self._kept.popitem(last=False)
                self._spans -= len(oldest)


def _worth_keeping(reading: Reading) -> bool:
    return len(reading.text) <= _LONGEST
