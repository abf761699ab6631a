"""One batch of a job's rows: judged and tagged first, then stored in one transaction that holds the job.

The transaction has all of it, comments, daily sums, what became of each row, and the job's position. So a kill
at any moment leaves a batch whole or not there, and the next worker goes on behind the last whole one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

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
from service.jobs.records import ERASED, Item, Job, Options
from service.privacy import repository as audit
from service.review.audit_repository import draw
from service.settings import Settings

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

    def store(self, conn: Connection, job: Job, settings: Settings) -> Counter[str]:
        """Write all but the job's own row, inside the caller's transaction; how many rows became what."""
        erased = self._erased(conn, job)
        outcomes = dict.fromkeys(self.replayed, "replayed")
        tagged = [pair for pair in self.tagged if pair[0].index not in erased]
        outcomes.update(_save(conn, job, tagged, settings))
        items = [
            self._gone(one) if one.index in erased else self._stored(one, outcomes[one.index])
            for one in self.intake.accepted
        ]
        items += [
            Item(self.first + e["index"], _storable(e["id"]), None, e["code"], e["field"], e["detail"])
            for e in self.intake.errors
        ]
        jobs.add_items(conn, job.key, job.tenant, items)
        return Counter(item.outcome or "failed" for item in items)

    def fitting(self, most: int) -> int:
        """How many of the rows, from the first on, have no more than so many to be tagged."""
        fresh = [one.index for one in self.intake.accepted if one.index not in self.replayed]
        return self.size if len(fresh) <= most else fresh[most]

    def _erased(self, conn: Connection, job: Job) -> set[int]:
        """Indexes of rows that were erased after the job was sent: they must not come back."""
        records = [one.record for one in self.intake.accepted]
        buried = partial(audit.buried, conn, job.tenant, job.created_at)
        ids = buried("comment", [record.id for record in records])
        customers = buried("customer", [record.customer_id for record in records if record.customer_id])
        accepted = self.intake.accepted
        return {a.index for a in accepted if a.record.id in ids or a.record.customer_id in customers}

    def _stored(self, one: Accepted, outcome: str) -> Item:
        return Item(self.first + one.index, comment_id=one.record.id, outcome=outcome)

    def _gone(self, one: Accepted) -> Item:
        # Its id is not kept either.
        return Item(self.first + one.index, None, None, ERASED, "id", "was erased after the file was sent")


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
        known = repository.digests(conn, job.tenant, ids)
        # Only what is stored can be an earlier row's.
        used = jobs.used_ids(conn, job.key, job.tenant, list(known))
        intake = take(items, tenant=job.tenant, arrived=job.created_at, masker=masker, seen=used)
    same = (one.index for one in intake.accepted if known.get(one.record.id) == one.record.digest)
    return Batch(first, len(items), intake, frozenset(same), [])


def tag(batch: Batch, tagger: Tagger) -> Batch:
    """The batch with an analysis of each comment that is not a replay."""
    return batch.with_analyses(analyse.tag(batch.fresh, tagger))


def _save(conn: Connection, job: Job, tagged: Tagged, settings: Settings) -> dict[int, str]:
    pairs = [(accepted.record, analysis) for accepted, analysis in tagged]
    outcomes = repository.save_all(conn, pairs, job.created_at)
    draw(conn, pairs, outcomes, **settings.audit)
    outbox.analyzed_all(conn, job.tenant, pairs, outcomes)
    return {accepted.index: outcome for (accepted, _), outcome in zip(tagged, outcomes, strict=True)}


def _storable(name: object) -> str | None:
    """An id that every database can be asked for; `take` says what is wrong with the others."""
    if not isinstance(name, str) or "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        return None
    return name
