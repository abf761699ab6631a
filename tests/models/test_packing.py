"""Windows in rows: every one once, in few shapes, and none sees another."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest

from models.packing import LENGTHS, Window, collate, passes, rows


def window(tokens: int, clauses: int = 1, first: int = 100) -> Window:
    """So many tokens, the clauses cut from all but the first and the last one."""
    edges = np.linspace(1, tokens - 1, clauses + 1).astype(int)
    spans = [(int(start), int(end)) for start, end in itertools.pairwise(edges)]
    return Window(ids=list(range(first, first + tokens)), segments=[1] * tokens, spans=spans)


def drawn(count: int, seed: int = 0) -> list[Window]:
    """Windows of the lengths that feedback has: many short ones, a few that fill the encoder."""
    draw = random.Random(seed)
    sizes = [min(256, 4 + int(draw.lognormvariate(2.7, 0.9))) for _ in range(count)]
    return [
        window(size, clauses=draw.randint(1, min(size - 2, 1 + size // 9)), first=size * 1_000)
        for size in sizes
    ]


@pytest.mark.parametrize("shared", [True, False])
def test_each_window_is_read_once_and_whole(shared: bool) -> None:
    windows = drawn(300)
    seen = []
    for each in passes(windows, shared=shared):
        batch = each.batch
        for number, (row, clauses) in each.places:
            seen.append(number)
            of_row = [place for place, (other, _) in each.places if other == row]
            mine = batch.windows[row] == of_row.index(number) + 1
            assert batch.ids[row, mine].tolist() == windows[number].ids
            assert batch.positions[row, mine].tolist() == list(range(len(windows[number].ids)))
            pooling = batch.pooling[row, clauses]
            assert pooling.sum(axis=1) == pytest.approx(1)
            assert not pooling[:, ~mine].any()
            assert len(pooling) == len(windows[number].spans)
    assert sorted(seen) == list(range(300))


def test_hardly_anything_is_padding_and_there_are_few_shapes() -> None:
    shapes: Counter[tuple[int, ...]] = Counter()
    padded = tokens = 0
    for seed in range(20):
        for count in (1, 2, 8, 32, 200):
            for each in passes(drawn(count, seed)):
                shapes[each.batch.pooling.shape] += 1
                if count == 200:
                    padded += each.batch.windows.size
                    tokens += int((each.batch.windows > 0).sum())
    assert padded / tokens < 1.1
    assert len(shapes) <= 30
    assert {shape[2] for shape in shapes} <= set(LENGTHS)


def test_windows_of_many_clauses_have_room() -> None:
    windows = [window(40, clauses=38), window(9, clauses=7), window(300, clauses=290)]
    found = {number: each.batch.pooling[place] for each in passes(windows) for number, place in each.places}
    assert [len(found[number]) for number in range(3)] == [38, 7, 290]


def test_a_row_is_filled_with_the_longest_that_fit() -> None:
    assert rows([40, 20, 10, 30, 24], [1] * 5) == [[0, 4], [3, 1, 2]]
    assert rows([], []) == []


def test_pooling_rows_are_means() -> None:
    batch = collate([window(8, clauses=2), window(5)])
    assert batch.pooling.shape == (2, 2, 8)
    assert batch.pooling.sum(axis=2) == pytest.approx(np.array([[1, 1], [1, 0]]))
    assert batch.windows.tolist() == [[1] * 8, [1] * 5 + [0] * 3]
