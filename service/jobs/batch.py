"""One batch of a job's rows: judged and tagged first, then stored in one transaction that holds the job.

The transaction has all of it, comments, daily sums, what became of each row, and the job's position. So a kill
at any moment leaves a batch whole or not there, and the next worker goes on behind the last whole one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import models
from models.masking.masker import Masker
from service import analyse, repository
from service.analyse import Tagger
from service.database import read
from service.events import outbox
from service.intake import Accepted, Intake, take
from service.jobs import repository as jobs
from service.jobs.records import Item, Job, Options

Tagged = list[tuple[Accepted, models.Analysis]]


@dataclass(frozen=True)
class Batch:
    """Rows that are judged and tagged; `first` is the place of the first of them in the file."""

    first: int
    size: int
    intake: Intake
    replayed: frozenset[int]
    tagged: Tagged

    @property
    def fresh(self) -> list[Accepted]:
        """Those that are to be tagged: accepted, and no replays."""
        return [one for one in self.intake.accepted if one.index not in self.replayed]

    def with_analyses(self, analyses: Sequence[models.Analysis]) -> "Batch":
        """The same with an analysis of each fresh one, in their order."""
        return replace(self, tagged=list(zip(self.fresh, analyses, strict=True)))

    def store(self, conn: Connection, job: Job) -> Counter[str]:
        """Write all but the job's own row, inside the caller's transaction; how many rows became what."""
        outcomes = dict.fromkeys(self.replayed, "replayed")
        outcomes.update(_save(conn, job.tenant, self.tagged, job.created_at))
        items = [
            Item(self.first + one.index, comment_id=one.record.id, outcome=outcomes[one.index])
            for one in self.intake.accepted
        ]
        items += [
            Item(self.first + e["index"], _storable(e["id"]), None, e["code"], e["field"], e["detail"])
            for e in self.intake.errors
        ]
        jobs.add_items(conn, job.key, job.tenant, items)
        return Counter(item.outcome or "failed" for item in items)


def judge(
    engine: sa.Engine, job: Job, rows: Sequence[object], first: int, masker: Masker | None = None
) -> Batch:
    """What is wrong with each row, and which rows hold nothing new. All are masked, none is tagged yet.

    A comment without a time has that of the job, so that it is the same whoever works on the job, and when.
    """
    options = Options(**job.options)
    items = [options.complete(row, first + place + 1) for place, row in enumerate(rows)]
    ids = [name for item in items if isinstance(item, dict) and (name := _storable(item.get("id")))]
    with read(engine) as conn:
        used = jobs.used_ids(conn, job.key, job.tenant, ids)
        intake = take(items, tenant=job.tenant, arrived=job.created_at, masker=masker, seen=used)
        names = [accepted.record.id for accepted in intake.accepted]
        known = repository.digests(conn, job.tenant, names)
    same = (one.index for one in intake.accepted if known.get(one.record.id) == one.record.digest)
    return Batch(first, len(items), intake, frozenset(same), [])


def tag(batch: Batch, tagger: Tagger) -> Batch:
    """The batch with an analysis of each comment that is not a replay."""
    return batch.with_analyses(analyse.tag(batch.fresh, tagger))


def _save(conn: Connection, tenant: str, tagged: Tagged, arrived: datetime) -> dict[int, str]:
    pairs = [(accepted.record, analysis) for accepted, analysis in tagged]
    outcomes = repository.save_all(conn, pairs, arrived)
    outbox.analyzed_all(conn, tenant, pairs, outcomes)
    return {accepted.index: outcome for (accepted, _), outcome in zip(tagged, outcomes, strict=True)}


def _storable(name: object) -> str | None:
    """An id that every database can be asked for; `take` says what is wrong with the others."""
    if not isinstance(name, str) or "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        return None
    return name
