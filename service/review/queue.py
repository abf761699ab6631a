"""Which comment comes next, in each of the three streams.

uncertain   labels near their thresholds: those of rare labels first, then the nearest; near-copies last
audit       drawn at random, to be read without knowing what the model says
disputed    labels on which two people, or a person and a model that was sure, differ
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest

from sqlalchemy.engine import Connection

from service import repository as comments
from service.corrections.in_force import GROUPS
from service.records import StoredComment
from service.review import audit_repository, repository
from service.review.repository import Stream
from service.rollup_repository import totals
from service.rollups import LABEL, WHOLE

_SPARE = 5
"""So many more candidates at a time than asked for, because some are near-copies."""
_MOST = 500
"""Candidates that are looked at for one request."""
_RECENT = 50
_ALIKE = 0.8


@dataclass(frozen=True)
class Item:
    """A comment to be read, and the labels that are asked for; `disputes` says why a label is disputed."""

    stream: Stream
    stored: StoredComment
    labels: tuple[str, ...]
    disputes: dict[str, str]


def upcoming(
    conn: Connection, tenant: str, stream: Stream, annotator: str, labels: Sequence[str], limit: int
) -> list[Item]:
    """Up to `limit` comments for this person; `labels` are all of the taxonomy."""
    if stream == "uncertain":
        found = _different(conn, tenant, _uncertain(conn, tenant, annotator, labels, limit), limit)
        return [Item(stream, one, _asked(one, repository.doubts_of(conn, one.key)), {}) for one in found]
    if stream == "audit":
        keys = audit_repository.pending(conn, tenant, annotator, limit)
        return [Item(stream, one, tuple(labels), {}) for one in comments.of_keys(conn, keys)]
    keys = repository.disputed(conn, tenant, annotator, limit)
    stored = [(one, repository.disputes_of(conn, one.key)) for one in comments.of_keys(conn, keys)]
    return [Item(stream, one, tuple(why), why) for one, why in stored]


def _asked(stored: StoredComment, doubts: Sequence[str]) -> tuple[str, ...]:
    """What is in doubt, then what the model found beside it: it is there to be agreed to as well."""
    found = [one["id"] for group in GROUPS for one in stored.analysis.get(group, ())]
    return tuple(dict.fromkeys([*doubts, *found]))


def _uncertain(
    conn: Connection, tenant: str, annotator: str, labels: Sequence[str], limit: int
) -> Iterator[int]:
    """Keys, a comment of each label in turn, the rarest label first."""
    counts = {one.measure: one.value for one in totals(conn, tenant, WHOLE)}
    rare_first = sorted(labels, key=lambda label: (counts.get(LABEL + label, 0), label))
    by_label = [_doubtful(conn, tenant, annotator, label, limit + _SPARE) for label in rare_first]
    seen: set[int] = set()
    for key in chain.from_iterable(zip_longest(*by_label)):
        if key is not None and key not in seen:
            seen.add(key)
            yield key


def _doubtful(conn: Connection, tenant: str, annotator: str, label: str, size: int) -> Iterator[int]:
    """Keys of those in doubt of one label, a page read when it is come to."""
    for page in count():
        keys = repository.doubtful(conn, tenant, annotator, label, size, page * size)
        yield from keys
        if len(keys) < size:
            return


def _different(conn: Connection, tenant: str, keys: Iterator[int], limit: int) -> list[StoredComment]:
    """The first of them that are no near-copies of each other or of what was just answered, or of copies the first."""
    recent = repository.recent_texts(conn, tenant, "uncertain", _RECENT)
    seen = [(key, _words(text)) for key, text in recent]
    found: list[StoredComment] = []
    copies: list[StoredComment] = []
    for stored in _looked_at(conn, islice(keys, _MOST), 3 * limit + _SPARE):
        words = _words(stored.record.text)
        # A second person is asked of the very comment that the first one answered.
        if any(key != stored.key and _alike(words, others) for key, others in seen):
            copies.append(stored)
            continue
        found.append(stored)
        seen.append((stored.key, words))
        if len(found) == limit:
            break
    return found or copies[:limit]


def _looked_at(conn: Connection, keys: Iterator[int], size: int) -> Iterator[StoredComment]:
    while batch := list(islice(keys, size)):
        yield from comments.of_keys(conn, batch)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", text.casefold()))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Jaccard similarity of their words (Jaccard 1912), numbers left out."""
    return len(one & other) >= _ALIKE * len(one | other)
