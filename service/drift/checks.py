"""What is compared of two samples of comments: seven checks, each with one p for all it looks at.

scores          the distribution of each label's probability and of the sentiment (Kolmogorov-Smirnov, Holm over labels)
probabilities   all calibrated probabilities of a comment (maximum mean discrepancy)
words           which words comments use
language        the share of each language (Fisher, Holm)
length          characters (Kolmogorov-Smirnov)
scope           the shares left unread, and out of scope (Fisher, Holm)
audit           of the comments that people audited, those where they and the model differ (Fisher)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.drift.sample import SENTIMENT, Names, Sample
from service.statistics.drift import Gap, holm, kolmogorov_smirnov, shares
from service.statistics.permutations import mmd, vocabulary

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Check = Literal["scores", "probabilities", "words", "language", "length", "scope", "audit"]

MIN_NEW, MIN_OLD = 100, 200
"""Fewer comments than this say too little; of audited ones a third is enough."""
MATTERS = 0.02
"""Shares that lie nearer together than this are no matter, however sure."""
_NAMED = 10
_RARE_LANGUAGE = 5


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    `what` is the label, probability, language or words that moved most. `now` and `before` are shares of comments
    (above the value `above`, where it has one), of "probabilities" means; None for words. `comments` are ids of new
    comments that made the difference, the plainest first.
    """

    check: Check
    what: str | None
    p: float
    distance: float
    now: float | None = None
    before: float | None = None
    above: float | None = None
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Audits:
    """Comments that people audited: their ids, and whether they and the model differ."""

    ids: NDArray[np.object_]
    wrong: Mask


def findings(new: Sample, old: Sample, names: Names, rng: np.random.Generator) -> Iterator[Finding]:
    """All checks but the audit's, as far as there are comments enough."""
    yield _words(new, old, rng)
    yield _language(new, old)
    yield _of_gap("length", None, kolmogorov_smirnov(new.lengths, old.lengths), new.ids, new.lengths)
    if enough(new.read.sum(), old.read.sum()):
        yield _scope(new.take(new.read), old.take(old.read))
    if enough(new.judged.sum(), old.judged.sum()):
        judged, before = new.take(new.judged), old.take(old.judged)
        yield _scores(judged, before, names)
        yield _probabilities(judged, before, names, rng)


def audit(new: Audits, old: Audits) -> Finding | None:
    """How often people and the model differ; None where too few were audited."""
    if 3 * len(new.wrong) < MIN_NEW or 3 * len(old.wrong) < MIN_OLD:
        return None
    return _share("audit", None, new.wrong, old.wrong, new.ids)


def enough(new: int, old: int) -> bool:
    """Whether samples of these sizes are compared at all."""
    return new >= MIN_NEW and old >= MIN_OLD


def matters(finding: Finding) -> bool:
    """Whether anybody need hear of it, if it is real."""
    gap = None if finding.now is None or finding.before is None else abs(finding.now - finding.before)
    return gap is None or finding.check == "probabilities" or gap >= MATTERS


def _words(new: Sample, old: Sample, rng: np.random.Generator) -> Finding:
    found = vocabulary(list(new.words), list(old.words), rng)
    what = ", ".join(found.words[:8]) or None
    return Finding("words", what, found.p, found.distance, comments=_named(new.ids, found.typical))


def _language(new: Sample, old: Sample) -> Finding:
    known, counts = np.unique(np.concatenate([new.languages, old.languages]).astype(str), return_counts=True)
    codes = known[counts >= _RARE_LANGUAGE].tolist() or known.tolist()
    return _surest(
        [_share("language", code, new.languages == code, old.languages == code, new.ids) for code in codes]
    )


def _scope(new: Sample, old: Sample) -> Finding:
    return _surest(
        [
            _share("scope", "unread", new.unread, old.unread, new.ids),
            _share("scope", "out_of_scope", new.out_of_scope, old.out_of_scope, new.ids),
        ]
    )


def _scores(new: Sample, old: Sample, names: Names) -> Finding:
    columns = (*names.labels, SENTIMENT)
    return _surest(
        [
            _of_gap(
                "scores",
                name,
                kolmogorov_smirnov(new.scores[:, place], old.scores[:, place]),
                new.ids,
                new.scores[:, place],
            )
            for place, name in enumerate(columns)
        ]
    )


def _probabilities(new: Sample, old: Sample, names: Names, rng: np.random.Generator) -> Finding:
    found = mmd(new.vectors, old.vectors, rng)
    told = _named(new.ids, found.typical)
    if found.column is None:
        return Finding("probabilities", None, found.p, found.distance)
    now, before = (float(sample.vectors[:, found.column].mean()) for sample in (new, old))
    what = names.columns[found.column]
    return Finding("probabilities", what, found.p, found.distance, now, before, comments=told)


def _share(check: Check, what: str | None, new: Mask, old: Mask, ids: NDArray[np.object_]) -> Finding:
    gap = shares(int(new.sum()), len(new), int(old.sum()), len(old))
    return replace(_of_gap(check, what, gap, ids, new.astype(float)), above=None)


def _of_gap(check: Check, what: str | None, gap: Gap, ids: NDArray[np.object_], values: Floats) -> Finding:
    """Named are the new comments on the side that grew, those furthest out first."""
    grew = values > gap.at if gap.now > gap.before else values <= gap.at
    outward: Callable[[Floats], Floats] = (lambda x: x) if gap.now > gap.before else np.negative
    named = _named(ids[grew], outward(values[grew]), least=None)
    return Finding(check, what, gap.p, gap.distance, gap.now, gap.before, gap.at, named)


def _named(ids: NDArray[np.object_], how_much: Floats, least: float | None = 0.0) -> tuple[str, ...]:
    order = np.argsort(-how_much, kind="stable")[:_NAMED]
    return tuple(str(ids[place]) for place in order if least is None or how_much[place] > least)


def _surest(found: Sequence[Finding]) -> Finding:
    """The one with the smallest p, which is now that of all together."""
    place, p = min(enumerate(holm([one.p for one in found])), key=lambda one: (one[1], found[one[0]].p))
    return replace(found[place], p=p)
