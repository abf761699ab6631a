"""Every SQL statement on challengers and what they read. The caller brings the transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.clock import database_time
from service.promotion.tables import model
from service.rollup_repository import upserter
from service.shadow.tables import challenger, shadow_change, shadow_reading


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """A model that reads beside the one in force, of one tenant's comments or (None) of all."""

    key: int
    version: str
    folder: str
    tenant: str | None
    actor: str
    started_at: datetime
    stopped_at: datetime | None
    dropped: int


@dataclass(frozen=True)
class ShadowReading:
    """What it found in one comment beyond the model in force, of version `model_version`, and what it did not."""

    comment_key: int
    tenant: str
    model_version: str
    gained: frozenset[str]
    lost: frozenset[str]

    @property
    def changed(self) -> list[str]:
        """Both."""
        return sorted(self.gained | self.lost)


@dataclass(frozen=True)
class Counts:
    """Comments read, those with any change, and by label how many gained and lost it."""

    comments: int
    changed: int
    labels: dict[str, tuple[int, int]]


_NEWEST = (
    sa.select(*challenger.c, model.c.folder)
    .join(model, model.c.version == challenger.c.version)
    .order_by(challenger.c.key.desc())
    .limit(1)
)


def newest(conn: Connection) -> Challenger | None:
    """The one that reads now, else the one that was stopped last."""
    row = conn.execute(_NEWEST).mappings().first()
    return None if row is None else Challenger(**row)


def current(conn: Connection) -> Challenger | None:
    """The one that reads now."""
    found = newest(conn)
    return None if found is None or found.stopped_at is not None else found


def start(conn: Connection, version: str, tenant: str | None, actor: str) -> None:
    """Let a registered model read from now on, in the place of any other."""
    stop(conn)
    values = {"version": version, "tenant": tenant, "actor": actor, "dropped": 0}
    conn.execute(challenger.insert().values(started_at=database_time(conn), **values))


def stop(conn: Connection) -> bool:
    """Let none read any more; false if none did."""
    done = challenger.update().where(challenger.c.stopped_at.is_(None)).values(stopped_at=database_time(conn))
    return conn.execute(done).rowcount > 0


def count_dropped(conn: Connection, key: int, count: int) -> None:
    """So many more comments were not read."""
    more = {"dropped": challenger.c.dropped + count}
    conn.execute(challenger.update().where(challenger.c.key == key).values(more))


def add(conn: Connection, key: int, readings: Sequence[ShadowReading]) -> None:
    """Keep what a challenger read; the comments are locked by the caller. What it read before stays as it is."""
    rows = [
        {
            "comment_key": one.comment_key,
            "challenger": key,
            "tenant": one.tenant,
            "model_version": one.model_version,
        }
        for one in readings
    ]
    insert = upserter(conn)(shadow_reading).on_conflict_do_nothing(
        index_elements=["comment_key", "challenger"]
    )
    if rows:
        conn.execute(insert, rows)
    changes = [
        {"comment_key": one.comment_key, "challenger": key, "label": label, "gained": label in one.gained}
        for one in readings
        for label in one.changed
    ]
    of_label = upserter(conn)(shadow_change).on_conflict_do_nothing(
        index_elements=["comment_key", "challenger", "label"]
    )
    if changes:
        conn.execute(of_label, changes)


def counts(conn: Connection, key: int, tenant: str, model_version: str) -> Counts:
    """What a challenger read of one tenant's comments, beside this version in force."""
    reading, change = shadow_reading.c, shadow_change.c
    own = (reading.challenger == key) & (reading.tenant == tenant) & (reading.model_version == model_version)
    both = shadow_reading.join(
        shadow_change,
        (change.comment_key == reading.comment_key) & (change.challenger == reading.challenger),
    )
    comments = conn.scalar(sa.select(sa.func.count()).select_from(shadow_reading).where(own)) or 0
    distinct = sa.func.count(sa.distinct(reading.comment_key))
    changed = conn.scalar(sa.select(distinct).select_from(both).where(own)) or 0
    labels: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    query = sa.select(change.label, change.gained, sa.func.count()).select_from(both).where(own)
    for label, gained, count in conn.execute(query.group_by(change.label, change.gained)):
        labels[label][0 if gained else 1] = count
    return Counts(comments, changed, {label: (of[0], of[1]) for label, of in sorted(labels.items())})
