"""Rows of a file, judged as the local engine judges them, to parts of comments that workers can tag.

What is stored already is in no part, and neither is a row that intake refuses: both are looked at again when the
job runs, which is where they are counted and listed.
"""

import threading
from collections.abc import Iterator
from functools import partial
from itertools import groupby

import sqlalchemy as sa

import models
from models.masking.masker import Masker
from service.analyse import comment_of
from service.cluster.parts import Parts, Placed, Plan
from service.files import Source
from service.jobs.batch import judge
from service.jobs.records import Job
from service.jobs.run import Lease, in_batches, patiently

_AT_ONCE = 512
_LEAST = 64
_MOST = 1_024
"""Rows of a part: a few seconds of one worker, which is what a kill can cost."""


def rows_of_a_part(source: Source, workers: int) -> int:
    """So many that each worker gets four parts at least where there are enough rows: a multiple of 64."""
    try:
        total = source.count()
    except models.InputError:
        total = None  # what comes before the fault is sound, and as much as there is
    if total is None:
        return _MOST
    return min(max(_LEAST, -(-total // (4 * workers)) // _LEAST * _LEAST), _MOST)


def cut(
    engine: sa.Engine, job: Job, source: Source, parts: Parts, rows: int, lease: Lease, masker: Masker | None
) -> Plan:
    """Write the parts of all rows from the job's position on, masked where that is asked for, then the plan.

    A file that breaks off is cut up to there. Raises `LeaseLost` when the job is cancelled meanwhile.
    """
    numbers, comments = [], 0
    for number, group in groupby(_to_tag(engine, job, source, lease, masker), key=lambda one: one[0] // rows):
        placed = list(group)
        parts.write_comments(number, placed)
        numbers.append(number)
        comments += len(placed)
    plan = Plan(rows, comments, tuple(numbers))
    parts.keep_plan(plan)
    return plan


def _to_tag(
    engine: sa.Engine, job: Job, source: Source, lease: Lease, masker: Masker | None
) -> Iterator[Placed]:
    first, never = job.position, threading.Event()
    for rows, _ in in_batches(source.rows(), first, _AT_ONCE):
        lease.check()
        batch = patiently(partial(judge, engine, job, rows, first, masker), never)
        yield from ((first + one.index, comment_of(one.record)) for one in batch.fresh)
        first += len(rows)
