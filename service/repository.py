"""Every SQL statement on comments and their analyses. The caller brings the transaction:

    with write(engine) as conn:
        outcome = save(conn, record, analysis, received_at)

The daily sums (`rollup_repository`) follow each change in the same transaction, so that they equal a recount
of the comments at any moment that anybody can see.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from models import Analysis
from service import rollup_repository
from service.listing import Cursor, Filters, Page
from service.records import CommentRecord, Outcome, Outdated, StoredComment, StoredTouchpoint
from service.rollup_repository import measures, totals, touchpoints
from service.rollups import WHOLE, RollupKey, contribution, touchpoints_of
from service.tables import analysis as analysis_table
from service.tables import comment, comment_touchpoint, mention

__all__ = [
    "Filters",
    "Page",
    "count_outdated",
    "delete",
    "delete_customer",
    "digests",
    "get",
    "measures",
    "outdated",
    "reanalyze",
    "save",
    "select",
    "totals",
    "touchpoints",
]

_RECORD_FIELDS = tuple(field.name for field in fields(CommentRecord))
# A statement may hold some 32,000 values on SQLite and 65,000 on PostgreSQL.
_CHUNK = 5_000
Item = TypeVar("Item")


def digests(conn: Connection, tenant: str, ids: Sequence[str]) -> dict[str, str]:
    """The digests of those comments that are stored, by id."""
    found: dict[str, str] = {}
    for chunk in _chunks(ids):
        query = sa.select(comment.c.id, comment.c.digest).where(
            comment.c.tenant == tenant, comment.c.id.in_(chunk)
        )
        found.update((row.id, row.digest) for row in conn.execute(query))
    return found


def save(conn: Connection, record: CommentRecord, analysis: Analysis, received_at: datetime) -> Outcome:
    """Store a comment and its analysis (made without `all_labels`), or replace what is stored under its id.

    The same content again changes nothing. A replacement that gives no time, of a comment that gave none,
    keeps the time at which the first one arrived.
    """
    key, created = _claim(conn, record, received_at)
    if created:
        _write_analysis(conn, key, record, analysis)
        rollup_repository.apply(conn, record.tenant, contribution(record, analysis.to_dict()))
        return "created"
    old = next(_stored(conn, comment.c.key == key))[1]
    if old.record.digest == record.digest:
        return "replayed"
    if not record.occurred_at_given and not old.record.occurred_at_given:
        record = replace(record, occurred_at=old.record.occurred_at)
    change = contribution(record, analysis.to_dict())
    change.subtract(contribution(old.record, old.analysis))
    for table in (mention, comment_touchpoint, analysis_table):
        conn.execute(table.delete().where(table.c.comment_key == key))
    conn.execute(comment.update().where(comment.c.key == key).values(_values(record, received_at)))
    _write_analysis(conn, key, record, analysis)
    rollup_repository.apply(conn, record.tenant, change)
    return "replaced"


def get(conn: Connection, tenant: str, id: str) -> StoredComment | None:
    """One comment, or None."""
    for _, stored in _stored(conn, (comment.c.tenant == tenant) & (comment.c.id == id)):
        return stored
    return None


def select(conn: Connection, tenant: str, filters: Filters, limit: int, cursor: str | None = None) -> Page:
    """One page of comments, newest first by the time they occurred.

    Raises `InputError` (`invalid_cursor`) if `cursor` is not one that an earlier page gave.
    """
    conditions = [comment.c.tenant == tenant, *_conditions(filters)]
    if cursor is not None:
        last = Cursor.decode(cursor)
        after = sa.tuple_(
            sa.literal(last.occurred_at, comment.c.occurred_at.type), sa.literal(last.key, comment.c.key.type)
        )
        conditions.append(sa.tuple_(comment.c.occurred_at, comment.c.key) < after)
    found = list(_stored(conn, sa.and_(*conditions), limit=limit + 1))
    stored = [one for _, one in found[:limit]]
    if len(found) <= limit:
        return Page(stored, None)
    key, last_stored = found[limit - 1]
    return Page(stored, Cursor(last_stored.record.occurred_at, key).encode())


def delete(conn: Connection, tenant: str, id: str) -> bool:
    """Erase one comment with all that was made of it; false if there is none."""
    return _erase(conn, tenant, comment.c.id == id) == 1


def delete_customer(conn: Connection, tenant: str, customer_id: str) -> int:
    """Erase all comments of one customer; the answer is how many there were."""
    return _erase(conn, tenant, comment.c.customer_id == customer_id)


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


def reanalyze(conn: Connection, tenant: str, pairs: Sequence[tuple[Outdated, Analysis]]) -> int:
    """Put new analyses in the place of the old ones, and the sums with them; how many were.

    A comment that was changed, erased or analysed since it was read is left as it is.
    """
    new = {old.key: (old, analysis) for old, analysis in pairs}
    # By id, as those lock them who store several comments in one transaction.
    locked = sa.select(comment.c.key).where(comment.c.key.in_(new)).order_by(comment.c.id).with_for_update()
    conn.execute(locked).all()
    change: Counter[RollupKey] = Counter()
    same = []
    for key, stored in _stored(conn, comment.c.key.in_(new)):
        old, analysis = new[key]
        if (stored.record.digest, stored.analysis["model_version"]) != (old.digest, old.version):
            continue
        same.append(key)
        change.subtract(contribution(stored.record, stored.analysis))
        # Not `+`: that would drop sums below zero.
        change.update(contribution(stored.record, analysis.to_dict()))
    for table in (mention, comment_touchpoint, analysis_table):
        conn.execute(table.delete().where(table.c.comment_key.in_(same)))
    for key in same:
        _write_analysis(conn, key, new[key][0].record, new[key][1])
    rollup_repository.apply(conn, tenant, change)
    return len(same)


def _claim(conn: Connection, record: CommentRecord, received_at: datetime) -> tuple[int, bool]:
    """The key of the comment's row, locked until the transaction ends, and whether it is new."""
    insert = (
        rollup_repository.upserter(conn)(comment)
        .values(_values(record, received_at))
        .on_conflict_do_nothing(index_elements=["tenant", "id"])
        .returning(comment.c.key)
    )
    theirs = (
        sa.select(comment.c.key)
        .where(comment.c.tenant == record.tenant, comment.c.id == record.id)
        .with_for_update()
    )
    while True:
        key = conn.scalar(insert)
        if key is not None:
            return key, True
        key = conn.scalar(theirs)
        if key is not None:
            return key, False
        # Deleted by another transaction between the two statements: try again.


def _erase(conn: Connection, tenant: str, condition: sa.ColumnElement[bool]) -> int:
    # Lock first, read then: what is read beside a row that was waited for may be older than the row.
    locked = sa.select(comment.c.key).where(comment.c.tenant == tenant, condition)
    keys = list(conn.scalars(locked.order_by(comment.c.key).with_for_update()))
    change: Counter[RollupKey] = Counter()
    for chunk in _chunks(keys):
        for _, stored in _stored(conn, comment.c.key.in_(chunk)):
            change.subtract(contribution(stored.record, stored.analysis))
        conn.execute(comment.delete().where(comment.c.key.in_(chunk)))
    rollup_repository.apply(conn, tenant, change)
    return len(keys)


def _values(record: CommentRecord, received_at: datetime) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in _RECORD_FIELDS}
    return values | {"digest": record.digest, "received_at": received_at}


def _write_analysis(conn: Connection, key: int, record: CommentRecord, analysis: Analysis) -> None:
    body = analysis.to_dict()
    conn.execute(
        analysis_table.insert().values(
            comment_key=key,
            model_version=analysis.model_version,
            status=analysis.status,
            sentiment=analysis.sentiment and analysis.sentiment.label,
            sentiment_score=analysis.sentiment and analysis.sentiment.score,
            empathy_score=analysis.empathy and analysis.empathy.score,
            body=body,
            analyzed_at=datetime.fromisoformat(analysis.analyzed_at),
        )
    )
    mentions = [
        {"comment_key": key, "label": found.id, "polarity": polarity, "probability": found.probability}
        for polarity, group in (("issue", analysis.issues), ("strength", analysis.strengths))
        for found in group
    ]
    places = [
        {"comment_key": key, "touchpoint": place.id, "inferred": place.inferred}
        for place in touchpoints_of(record, body)
    ]
    for table, rows in ((mention, mentions), (comment_touchpoint, places)):
        if rows:
            conn.execute(table.insert(), rows)


def _stored(
    conn: Connection, condition: sa.ColumnElement[bool], limit: int | None = None
) -> Iterator[tuple[int, StoredComment]]:
    """Comments with their keys, newest first."""
    query = (
        sa.select(comment, analysis_table.c.body)
        .join(analysis_table, analysis_table.c.comment_key == comment.c.key)
        .where(condition)
        .order_by(comment.c.occurred_at.desc(), comment.c.key.desc())
        .limit(limit)
    )
    rows = conn.execute(query).mappings().all()
    places = _places(conn, [row["key"] for row in rows])
    return ((row["key"], _read(row, places)) for row in rows)


def _places(conn: Connection, keys: Sequence[int]) -> dict[int, tuple[StoredTouchpoint, ...]]:
    places: dict[int, tuple[StoredTouchpoint, ...]] = {}
    for chunk in _chunks(keys):
        query = sa.select(comment_touchpoint).where(comment_touchpoint.c.comment_key.in_(chunk))
        for key, place, inferred in conn.execute(query.order_by(comment_touchpoint.c.touchpoint)):
            places[key] = (*places.get(key, ()), StoredTouchpoint(place, inferred))
    return places


def _read(row: RowMapping, places: Mapping[int, tuple[StoredTouchpoint, ...]]) -> StoredComment:
    return StoredComment(
        record=_record(row),
        received_at=row["received_at"],
        analysis=row["body"],
        touchpoints=places.get(row["key"], ()),
    )


def _record(row: RowMapping) -> CommentRecord:
    return CommentRecord(**{name: row[name] for name in _RECORD_FIELDS})


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[tuple[object, sa.ColumnElement[bool]]] = [
        (filters.touchpoint, _is_at(filters.touchpoint)),
        (filters.issue, _mentions("issue", filters.issue)),
        (filters.strength, _mentions("strength", filters.strength)),
        (filters.sentiment, analysis_table.c.sentiment == filters.sentiment),
        (filters.empathy, _empathy(filters.empathy)),
        (filters.q, comment.c.text.icontains(filters.q or "", autoescape=True)),
    ]
    if filters.from_ is not None:
        wanted.append((filters.from_, comment.c.occurred_at >= _midnight(filters.from_)))
    if filters.to is not None:
        wanted.append((filters.to, comment.c.occurred_at < _midnight(filters.to)))
    return [condition for value, condition in wanted if value is not None]


def _is_at(touchpoint: str | None) -> sa.ColumnElement[bool]:
    if touchpoint == WHOLE:
        return sa.true()
    at = comment_touchpoint.c
    return sa.exists().where(at.comment_key == comment.c.key, at.touchpoint == touchpoint)


def _mentions(polarity: str, label: str | None) -> sa.ColumnElement[bool]:
    of = mention.c
    return sa.exists().where(of.comment_key == comment.c.key, of.label == label, of.polarity == polarity)


def _empathy(kind: str | None) -> sa.ColumnElement[bool]:
    score = analysis_table.c.empathy_score
    match kind:
        case "caring":
            return score > 0
        case "uncaring":
            return score < 0
        case "none":
            return score.is_(None) & (analysis_table.c.status == "analyzed")
        case _:
            return score.is_not(None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
