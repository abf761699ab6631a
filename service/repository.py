"""Every SQL statement that reads or erases comments and their analyses. The caller brings the transaction:

    with write(engine) as conn:
        outcome = save(conn, record, analysis, received_at)

The daily sums (`rollup_repository`) follow each change in the same transaction, so that they equal a recount
of the comments at any moment that anybody can see.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from service import rollup_repository, search_repository
from service.corrections import repository as corrections
from service.corrections.correction import Correction
from service.database import chunks
from service.listing import Cursor, Filters, Page
from service.records import RECORD_FIELDS, CommentRecord, Outdated, StoredComment, StoredTouchpoint
from service.rollup_repository import measures, totals, touchpoints
from service.rollups import RollupKey, contribution
from service.save_repository import in_order, reanalyze, save, save_all
from service.tables import analysis as analysis_table
from service.tables import comment, comment_touchpoint

__all__ = [
    "Filters",
    "Page",
    "arrived_before",
    "count",
    "count_outdated",
    "delete",
    "delete_customer",
    "delete_older",
    "digests",
    "get",
    "held",
    "locked",
    "measures",
    "of_keys",
    "outdated",
    "reanalyze",
    "save",
    "save_all",
    "select",
    "totals",
    "touchpoints",
]


def digests(conn: Connection, tenant: str, ids: Sequence[str]) -> dict[str, str]:
    """The digests of those comments that are stored, by id."""
    found: dict[str, str] = {}
    for chunk in chunks(ids):
        query = sa.select(comment.c.id, comment.c.digest).where(
            comment.c.tenant == tenant, comment.c.id.in_(chunk)
        )
        found.update((row.id, row.digest) for row in conn.execute(query))
    return found


def get(conn: Connection, tenant: str, id: str) -> StoredComment | None:
    """One comment, or None."""
    for _, stored in _stored(conn, (comment.c.tenant == tenant) & (comment.c.id == id)):
        return stored
    return None


def locked(conn: Connection, tenant: str, id: str) -> StoredComment | None:
    """One comment, or None; nobody else can change it until the transaction ends."""
    own = (comment.c.tenant == tenant) & (comment.c.id == id)
    key = conn.scalar(sa.select(comment.c.key).where(own).with_for_update())
    return None if key is None else next(_stored(conn, comment.c.key == key))[1]


def of_keys(conn: Connection, keys: Sequence[int]) -> list[StoredComment]:
    """The comments of these keys, in their order, without those that are gone."""
    found = dict(_stored(conn, comment.c.key.in_(keys))) if keys else {}
    return [found[key] for key in keys if key in found]


def held(conn: Connection, tenant: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are stored; they cannot be erased until the transaction ends."""
    found: set[str] = set()
    # All in order, chunk after chunk, as whoever erases takes them.
    for chunk in chunks(sorted(ids)):
        query = sa.select(comment.c.id).where(comment.c.tenant == tenant, comment.c.id.in_(chunk))
        found.update(conn.scalars(query.order_by(in_order(conn)).with_for_update(read=True, key_share=True)))
    return found


def select(conn: Connection, tenant: str, filters: Filters, limit: int, cursor: str | None = None) -> Page:
    """One page of comments, newest first by the time they occurred.

    Raises `InputError` (`invalid_cursor`) if `cursor` is not one that an earlier page gave.
    """
    after = None if cursor is None else Cursor.decode(cursor)
    found = of_keys(conn, search_repository.newest(conn, tenant, filters, limit + 1, after))
    stored = found[:limit]
    if len(found) <= limit:
        return Page(stored, None)
    last = stored[-1]
    return Page(stored, Cursor(last.record.occurred_at, last.key).encode())


def delete(conn: Connection, tenant: str, id: str) -> bool:
    """Erase one comment with all that was made of it; false if there is none."""
    return _erase(conn, tenant, comment.c.id == id) == [id]


def delete_customer(conn: Connection, tenant: str, customer_id: str) -> list[str]:
    """Erase all comments of one customer; the answer is their ids."""
    return _erase(conn, tenant, comment.c.customer_id == customer_id)


def delete_older(conn: Connection, tenant: str, before: datetime, limit: int) -> list[str]:
    """Erase up to `limit` comments that occurred before a time, the oldest first; the answer is their ids."""
    is_old = comment.c.occurred_at < before
    old = sa.select(comment.c.key).where(comment.c.tenant == tenant, is_old)
    oldest = old.order_by(comment.c.occurred_at, comment.c.key).limit(limit)
    # Asked again of each row once it is locked: a replacement may just have made it a newer one.
    return _erase(conn, tenant, comment.c.key.in_(oldest) & is_old)


def arrived_before(conn: Connection, tenant: str, key: int | None, limit: int) -> list[StoredComment]:
    """Comments that came before the one of this key, or all, the last one first."""
    query = sa.select(comment.c.key).where(comment.c.tenant == tenant)
    if key is not None:
        query = query.where(comment.c.key < key)
    return of_keys(conn, list(conn.scalars(query.order_by(comment.c.key.desc()).limit(limit))))


def count(conn: Connection, tenant: str) -> int:
    """How many comments are stored."""
    query = sa.select(sa.func.count()).select_from(comment).where(comment.c.tenant == tenant)
    return conn.scalars(query).one()


def count_outdated(conn: Connection, tenant: str, version: str) -> int:
    """How many comments were analysed by another model than this one."""
    query = sa.select(sa.func.count()).select_from(comment.join(analysis_table))
    return conn.scalars(
        query.where(comment.c.tenant == tenant, analysis_table.c.model_version != version)
    ).one()


def outdated(conn: Connection, tenant: str, version: str, limit: int, after: int = 0) -> list[Outdated]:
    """Comments that another model than this one analysed, by key, those behind the key `after`."""
    query = (
        sa.select(comment, analysis_table.c.model_version)
        .join(analysis_table, analysis_table.c.comment_key == comment.c.key)
        .where(comment.c.tenant == tenant, comment.c.key > after, analysis_table.c.model_version != version)
        .order_by(comment.c.key)
        .limit(limit)
    )
    return [
        Outdated(row["key"], _record(row), row["digest"], row["model_version"])
        for row in conn.execute(query).mappings()
    ]


def _erase(conn: Connection, tenant: str, condition: sa.ColumnElement[bool]) -> list[str]:
    # Lock first, read then: what is read beside a row that was waited for may be older than the row.
    locked = sa.select(comment.c.key).where(comment.c.tenant == tenant, condition)
    keys = list(conn.scalars(locked.order_by(in_order(conn)).with_for_update()))
    change: Counter[RollupKey] = Counter()
    ids: list[str] = []
    for chunk in chunks(keys):
        for _, stored in _stored(conn, comment.c.key.in_(chunk)):
            change.subtract(contribution(stored.record, stored.counted))
            ids.append(stored.record.id)
        conn.execute(comment.delete().where(comment.c.key.in_(chunk)))
    rollup_repository.apply(conn, tenant, change)
    return ids


def _stored(conn: Connection, condition: sa.ColumnElement[bool]) -> Iterator[tuple[int, StoredComment]]:
    """Comments with their keys, newest first."""
    query = (
        sa.select(comment, analysis_table.c.body, analysis_table.c.corrected)
        .join(analysis_table, analysis_table.c.comment_key == comment.c.key)
        .where(condition)
        .order_by(comment.c.occurred_at.desc(), comment.c.key.desc())
    )
    rows = conn.execute(query).mappings().all()
    places = _places(conn, [row["key"] for row in rows])
    said: dict[int, list[Correction]] = defaultdict(list)
    for key, one in corrections.of(conn, [row["key"] for row in rows if row["corrected"]]):
        said[key].append(one)
    return ((row["key"], _read(row, places, said)) for row in rows)


def _places(conn: Connection, keys: Sequence[int]) -> dict[int, tuple[StoredTouchpoint, ...]]:
    places: dict[int, tuple[StoredTouchpoint, ...]] = {}
    for chunk in chunks(keys):
        of = comment_touchpoint.c
        query = sa.select(of.comment_key, of.touchpoint, of.inferred).where(of.comment_key.in_(chunk))
        # Sorted here, because databases sort by the rules of their languages.
        for key, place, inferred in sorted(tuple(row) for row in conn.execute(query)):
            places[key] = (*places.get(key, ()), StoredTouchpoint(place, inferred))
    return places


def _read(
    row: RowMapping,
    places: Mapping[int, tuple[StoredTouchpoint, ...]],
    said: Mapping[int, Sequence[Correction]],
) -> StoredComment:
    return StoredComment(
        key=row["key"],
        record=_record(row),
        received_at=row["received_at"],
        analysis=row["body"],
        touchpoints=places.get(row["key"], ()),
        corrected=row["corrected"],
        corrections=tuple(said.get(row["key"], ())),
    )


def _record(row: RowMapping) -> CommentRecord:
    return CommentRecord(**{name: row[name] for name in RECORD_FIELDS})
