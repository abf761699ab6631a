"""A stream of rows in batches that know their place."""

from collections.abc import Iterable, Iterator

from service.jobs.run import in_batches


def batches(rows: Iterable[object], size: int) -> Iterator[tuple[int, list[object]]]:
    """Each batch with the index of its first row. What ends the rows is raised behind those before it."""
    start = 0
    for batch, fault in in_batches(rows, 0, size):
        if batch:
            yield start, batch
        if fault is not None:
            raise fault
        start += len(batch)
