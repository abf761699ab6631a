"""Windows side by side in rows of a few lengths, so that hardly anything of a pass is padding.

    for each in passes(windows):
        scores = runtime.forward(each.batch)         # (R, S, width)
        for number, place in each.places:
            scores[place]                            # (clauses, width) of windows[number]

No token sees one of another window, and positions begin anew with each: what is said of a window does not depend on
its neighbours (Krell et al. 2021, arXiv 2107.02027). A runtime makes itself ready for each shape that it meets, which
takes longer than the pass, and keeps megabytes for it: hence few lengths, few numbers of rows, few numbers of clauses.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

LENGTHS = (16, 32, 64, 128, 256)
"""Tokens of a row; a window that is longer than the last has a row of as many times the last one."""
_SHORTEST_SHARED = 64
"""Rows that are shared are at least so long; attention in longer ones costs more than their padding saves."""
_TOKENS = 512
"""Of one pass. Larger ones are no faster, leave the processor's cache and take more memory."""
_AREA = 65_536
"""Of one pass: rows times the square of their length, which is what attention keeps. Twice the area is no faster."""
_TOKENS_A_CLAUSE = 4
"""A row has room for a clause in so many of its tokens, or else for one in each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of windows. R rows of T tokens, S clauses, padding included.

    `ids`, `segments`, `positions`, `windows`: (R, T) int64; `windows` numbers those of a row from 1, and 0 is padding.
    `pooling`: (R, S, T) float32, each row of it the mean over one clause's tokens (all zeros for padding).
    """

    ids: Ids
    segments: Ids
    positions: Ids
    windows: Ids
    pooling: NDArray[np.float32]

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """What a network takes, in its order."""
        return self.ids, self.segments, self.positions, self.windows, self.pooling


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of one pass and, for each clause in it, its first and last-plus-one token."""

    ids: list[int]
    segments: list[int]
    spans: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Pass:
    """A batch and, for each window in it, its number among all windows, and its row and clauses in the batch."""

    batch: Batch
    places: list[tuple[int, tuple[int, slice]]]


def passes(windows: Sequence[Window], *, shared: bool = True) -> Iterator[Pass]:
    """All windows, in few passes of few shapes; each in a row of its own unless rows may be `shared`."""
    lengths, clauses_of = [len(window.ids) for window in windows], [len(window.spans) for window in windows]
    waiting: dict[tuple[int, int], list[list[int]]] = {}
    for row in rows(lengths, clauses_of) if shared else [[place] for place in range(len(windows))]:
        tokens, clauses = (sum(len(part) for part in parts) for parts in _parts(windows, row))
        length = _length(tokens)
        room = length // _TOKENS_A_CLAUSE
        waiting.setdefault((length, room if clauses <= room else length), []).append(row)
    for (length, clauses), found in waiting.items():
        for group in _groups(found, max(1, min(_TOKENS // length, _AREA // length**2))):
            yield _pass(windows, group, length, clauses)


def rows(lengths: Sequence[int], clauses: Sequence[int]) -> list[list[int]]:
    """Which windows share a row: the longest that is left, and with it the longest ones that still fit."""
    left = sorted(range(len(lengths)), key=lambda place: lengths[place])
    sizes = [lengths[place] for place in left]
    found = []
    while left:
        row, room = [left.pop()], max(_SHORTEST_SHARED, _length(sizes[-1])) - sizes.pop()
        clauses_left = (room + lengths[row[0]]) // _TOKENS_A_CLAUSE - clauses[row[0]]
        while (fits := bisect_right(sizes, room) - 1) >= 0 and clauses[left[fits]] <= clauses_left:
            row.append(left.pop(fits))
            room -= sizes.pop(fits)
            clauses_left -= clauses[row[-1]]
        found.append(row)
    return found


def collate(windows: Sequence[Window]) -> Batch:
    """A row for each window, padded to one shape: what a network is taught and measured with."""
    every = range(len(windows))
    length, clauses = (max(len(part) for part in parts) for parts in _parts(windows, every))
    return _pass(windows, [[place] for place in every], length, clauses).batch


def _parts(
    windows: Sequence[Window], places: Sequence[int]
) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
    return [windows[place].ids for place in places], [windows[place].spans for place in places]


def _length(tokens: int) -> int:
    return next((length for length in LENGTHS if tokens <= length), -(-tokens // LENGTHS[-1]) * LENGTHS[-1])


def _groups(found: list[list[int]], most: int) -> Iterator[list[list[int]]]:
    """As many as go into one pass, which is a power of two, while there are as many."""
    while found:
        while most > len(found):
            most //= 2
        yield found[:most]
        found = found[most:]


def _pass(windows: Sequence[Window], group: Sequence[Sequence[int]], length: int, clauses: int) -> Pass:
    ids, segments, positions, numbers = (np.zeros((len(group), length), dtype=np.int64) for _ in range(4))
    pooling = np.zeros((len(group), clauses, length), dtype=np.float32)
    places: list[tuple[int, tuple[int, slice]]] = []
    for number, row in enumerate(group):
        start, clause = 0, 0
        for order, place in enumerate(row, 1):
            window = windows[place]
            part = slice(start, start + len(window.ids))
            ids[number, part], segments[number, part], numbers[number, part] = (
                window.ids,
                window.segments,
                order,
            )
            positions[number, part] = np.arange(len(window.ids))
            for offset, (first, last) in enumerate(window.spans):
                pooling[number, clause + offset, start + first : start + last] = 1 / (last - first)
            places.append((place, (number, slice(clause, clause + len(window.spans)))))
            start, clause = part.stop, clause + len(window.spans)
    return Pass(Batch(ids, segments, positions, numbers, pooling), places)
