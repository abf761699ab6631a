"""The comments that stand for a label: the most typical, not the most extreme.

with read(engine) as conn:
    typical(conn, "default", "support.phone", "issue", "poor_communication")

Of the newest `NEWEST` comments with the label those are looked at whose length is near the median length of all of
them (a half to twice as long), since very short ones say nothing and very long ones say all; of these the one that
the model, or a person, is surest of, and of equals the nearest to the median.
"""

import math
from collections.abc import Sequence
from statistics import median

from sqlalchemy.engine import Connection

from models.taxonomy import Kind
from service import repository
from service.listing import Where
from service.records import StoredComment
from service.segment_repository import Days
from service.typical_repository import Candidate, candidates

NEWEST = 60


def typical(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    kind: Kind,
    label: str,
    days: Days = (None, None),
    where: Where | None = None,
) -> StoredComment | None:
    """One comment that stands for a label at a touchpoint (or "*"); None where no comment has it."""
    found = candidates(conn, tenant, touchpoint, kind, label, days, NEWEST, where)
    chosen = most_typical(found)
    return next(iter(repository.of_keys(conn, [chosen.key])), None) if chosen else None


def most_typical(found: Sequence[Candidate]) -> Candidate | None:
    """The surest of those that are about as long as most; there is always one near the median."""
    lengths = [one.length for one in found if one.length]
    if not lengths:
        return None
    middle = median(lengths)
    apart = {one.key: abs(math.log2(one.length / middle)) for one in found if one.length}
    nearest = min(apart.values())
    near = [one for one in found if apart.get(one.key, math.inf) <= max(1.0, nearest)]
    return max(near, key=lambda one: (round(one.probability, 2), -apart[one.key], one.key))
