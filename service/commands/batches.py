"""A stream of rows in batches that know their place."""

from collections.abc import Iterable, Iterator
from itertools import islice


def batches(rows: Iterable[object], size: int) -> Iterator[tuple[int, list[object]]]:
    """Each batch with the index of its first row."""
    stream, start = iter(rows), 0
    while batch := list(islice(stream, size)):
        yield start, batch
        start += len(batch)
