"""Every SQL statement that stores comments with their analyses: `save` one, `save_all` of a batch, `reanalyze`.

    with write(engine) as conn:
        outcomes = save_all(conn, [(record, analysis), …], received_at)

A batch takes about a dozen statements, whatever its size. A transaction locks comments in the order of their ids
and then sums in theirs; so call either function once in a transaction, and nothing that locks comments after it,
or two transactions may wait for each other crosswise and PostgreSQL ends one of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models import Analysis
from service import rollup_repository, stored_rows
from service.corrections import repository as corrections
from service.corrections.correction import Said
from service.corrections.in_force import in_force
from service.database import chunks
from service.records import RECORD_FIELDS, CommentRecord, Outcome, Outdated, StoredComment
from service.review.tables import annotation, audit_draw, dispute, doubt
from service.rollups import RollupKey, contribution
from service.tables import analysis as analysis_table
from service.tables import comment, comment_touchpoint, mention

Pair = tuple[CommentRecord, Analysis]
_Name = tuple[str, str]
"""Tenant and id: what a comment is known by."""


class _Stored(NamedTuple):
    """What is there under an id."""

    key: int
    record: CommentRecord
    body: dict[str, Any]
    corrected: dict[str, Any] | None


class _Change(NamedTuple):
    """What is to be there instead; `body` is the analysis as the contract's object.

    `corrected` is what is in force where people's words stay, because the text is still the one they read.
    """

    key: int
    record: CommentRecord
    analysis: Analysis
    body: dict[str, Any]
    before: _Stored | None
    corrected: dict[str, Any] | None = None

    @property
    def counted(self) -> dict[str, Any]:
        return self.body if self.corrected is None else self.corrected

    @property
    def same_text(self) -> bool:
        """Whether there was a comment before, to which the same question had the same answer."""
        before = self.before and self.before.record
        return before is not None and (before.text, before.question) == (
            self.record.text,
            self.record.question,
        )

    def of_sums(self) -> Counter[RollupKey]:
        """What the sums change by."""
        change = contribution(self.record, self.counted)
        if self.before is not None:
            change.subtract(contribution(self.before.record, self.before.corrected or self.before.body))
        return change


def save(conn: Connection, record: CommentRecord, analysis: Analysis, received_at: datetime) -> Outcome:
    """Store a comment and its analysis (made without `all_labels`), or replace what is stored under its id.

    The same content again changes nothing. A replacement that gives no time, of a comment that gave none,
    keeps the time at which the first one arrived. People's words stay with a replacement of the same text and
    question; with another text they go, because nobody said them of it.
    """
    return save_all(conn, [(record, analysis)], received_at)[0]


def save_all(conn: Connection, pairs: Sequence[Pair], received_at: datetime) -> list[Outcome]:
    """What `save` of each pair in order would do, and answer, but together.

    An id may come more than once: the later one replays or replaces the earlier one.
    """
    places: dict[_Name, list[int]] = defaultdict(list)
    for place, (record, _) in enumerate(pairs):
        places[record.tenant, record.id].append(place)
    batch = {name: [pairs[place] for place in places[name]] for name in sorted(places)}
    created = _claim(conn, [_follow(None, theirs)[1] for theirs in batch.values()], received_at)
    stored = _stored(conn, [name for name in batch if name not in created])
    outcomes: dict[int, Outcome] = {}
    changes: list[_Change] = []
    for name, theirs in batch.items():
        before = stored.get(name)
        came, last = _follow(before and before.record, theirs)
        outcomes.update(zip(places[name], came, strict=True))
        if last is not None:
            key = created[name] if before is None else before.key
            changes.append(_Change(key, *last, last[1].to_dict(), before))
    _write(conn, changes, received_at)
    return [outcomes[place] for place in range(len(pairs))]


def reanalyze(conn: Connection, pairs: Sequence[tuple[Outdated, Analysis]]) -> list[Pair]:
    """Put new analyses in the place of the old ones; the comments, all of one tenant, stay as they are.

    What people said stays in force over the new analysis as it was over the old one.

    A comment that was changed, erased or analysed since it was read is left as it is; the answer is the others.
    """
    keys = [old.key for old, _ in pairs]
    conn.execute(
        sa.select(comment.c.key).where(comment.c.key.in_(keys)).order_by(in_order(conn)).with_for_update()
    ).all()
    stored = _stored(conn, [(old.record.tenant, old.record.id) for old, _ in pairs])
    changes = []
    for old, analysis in pairs:
        before = stored.get((old.record.tenant, old.record.id))
        if before and (before.record.digest, before.body["model_version"]) == (old.digest, old.version):
            # The text is what it was, and so is what was masked in it.
            kept = {"masked": before.body["masked"]} if "masked" in before.body else {}
            changes.append(_Change(before.key, before.record, analysis, analysis.to_dict() | kept, before))
    _put(conn, changes)
    return [(change.record, change.analysis) for change in changes]


def put_corrected(conn: Connection, stored: StoredComment, corrected: dict[str, Any]) -> None:
    """Put what is in force after a correction in the place of what was, with all that follows it.

    The comment is locked by the caller.
    """
    own = stored.key
    conn.execute(
        analysis_table.update()
        .where(analysis_table.c.comment_key == own)
        .values(corrected=corrected, **stored_rows.scores(corrected))
    )
    conn.execute(mention.delete().where(mention.c.comment_key == own))
    if rows := list(stored_rows.mentions(own, corrected)):
        conn.execute(mention.insert(), rows)
    change = contribution(stored.record, corrected)
    change.subtract(contribution(stored.record, stored.counted))
    rollup_repository.apply(conn, stored.record.tenant, change)


def in_order(conn: Connection) -> sa.ColumnElement[str]:
    """The order in which all lock comments, so that no two wait for each other crosswise."""
    return comment.c.id.collate("C") if conn.dialect.name == "postgresql" else comment.c.id


def _follow(current: CommentRecord | None, pairs: Iterable[Pair]) -> tuple[list[Outcome], Pair | None]:
    """Let pairs of one id come after each other, and after what is stored.

    What each comes to, and what is to be stored in the end unless all were replays.
    """
    outcomes: list[Outcome] = []
    last: Pair | None = None
    for record, analysis in pairs:
        if current is not None and current.digest == record.digest:
            outcomes.append("replayed")
            continue
        outcomes.append("created" if current is None else "replaced")
        if current is not None and not (record.occurred_at_given or current.occurred_at_given):
            record = replace(record, occurred_at=current.occurred_at)
        current, last = record, (record, analysis)
    return outcomes, last


def _claim(conn: Connection, pairs: Sequence[Pair | None], received_at: datetime) -> dict[_Name, int]:
    """Insert the comments that are new, and lock those that are not, in one pass in the order given.

    The keys of the new ones. On PostgreSQL a row in conflict is locked although the WHERE keeps it from being
    updated; to insert first and lock afterwards would leave a gap for a third transaction that deletes.
    """
    rows = [_values(pair[0], received_at) for pair in pairs if pair is not None]
    if not rows:
        return {}
    insert = (
        rollup_repository.upserter(conn)(comment)
        .on_conflict_do_update(
            index_elements=["tenant", "id"], set_={"id": comment.c.id}, where=comment.c.key.is_(None)
        )
        .returning(comment.c.tenant, comment.c.id, comment.c.key)
    )
    return {(tenant, id): key for tenant, id, key in conn.execute(insert, rows)}


def _stored(conn: Connection, names: Iterable[_Name]) -> dict[_Name, _Stored]:
    ids: dict[str, list[str]] = defaultdict(list)
    for tenant, id in names:
        ids[tenant].append(id)
    found: dict[_Name, _Stored] = {}
    for tenant, theirs in ids.items():
        for chunk in chunks(theirs):
            query = (
                sa.select(comment, analysis_table.c.body, analysis_table.c.corrected)
                .join(analysis_table, analysis_table.c.comment_key == comment.c.key)
                .where(comment.c.tenant == tenant, comment.c.id.in_(chunk))
            )
            for row in conn.execute(query).mappings():
                record = CommentRecord(**{name: row[name] for name in RECORD_FIELDS})
                found[tenant, record.id] = _Stored(row["key"], record, row["body"], row["corrected"])
    return found


def _write(conn: Connection, changes: Sequence[_Change], received_at: datetime) -> None:
    """The rows of comments that were there before, and all that is made of them."""
    replaced = [change for change in changes if change.before is not None]
    if replaced:
        update = comment.update().where(comment.c.key == sa.bindparam("of"))
        conn.execute(update, [{"of": one.key, **_values(one.record, received_at)} for one in replaced])
    _forget(conn, [change for change in replaced if not change.same_text])
    _put(conn, changes)


def _put(conn: Connection, changes: Sequence[_Change]) -> None:
    """Analyses and what is filtered by, in the place of those before, and the sums."""
    changes = _with_corrections(conn, changes)
    for keys in chunks([change.key for change in changes if change.before is not None]):
        for table in (mention, comment_touchpoint, doubt, analysis_table):
            conn.execute(table.delete().where(table.c.comment_key.in_(keys)))
    for table, rows_of in (
        (analysis_table, _analysis),
        (mention, lambda one: stored_rows.mentions(one.key, one.counted)),
        (comment_touchpoint, lambda one: stored_rows.places(one.key, one.record, one.body)),
        (doubt, lambda one: stored_rows.doubts(one.key, one.record.tenant, one.body, one.corrected)),
    ):
        if rows := [row for change in changes for row in rows_of(change)]:
            conn.execute(table.insert(), rows)
    sums: dict[str, Counter[RollupKey]] = defaultdict(Counter)
    for change in changes:
        sums[change.record.tenant].update(change.of_sums())
    for tenant, delta in sorted(sums.items()):
        rollup_repository.apply(conn, tenant, delta)


def _forget(conn: Connection, changes: Sequence[_Change]) -> None:
    """What was said of words that are no longer there."""
    for keys in chunks([change.key for change in changes]):
        conn.execute(dispute.delete().where(dispute.c.comment_key.in_(keys)))
    spoken: list[int] = [change.key for change in changes if change.before and change.before.corrected]
    for keys in chunks([change.key for change in changes]):
        gone = audit_draw.delete().where(audit_draw.c.comment_key.in_(keys))
        spoken += conn.scalars(gone.returning(audit_draw.c.comment_key))
    # Nobody is asked about any other.
    for keys in chunks(sorted(set(spoken))):
        for table in (corrections.correction, annotation):
            conn.execute(table.delete().where(table.c.comment_key.in_(keys)))


def _with_corrections(conn: Connection, changes: Sequence[_Change]) -> list[_Change]:
    keys = [one.key for one in changes if one.before and one.before.corrected and one.same_text]
    said: dict[int, list[Said]] = defaultdict(list)
    for key, one in corrections.of(conn, keys):
        said[key].append(one.said)
    return [
        one._replace(corrected=in_force(one.body, said[one.key])) if one.key in said else one
        for one in changes
    ]


def _values(record: CommentRecord, received_at: datetime) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in RECORD_FIELDS}
    return values | {"digest": record.digest, "received_at": received_at}


def _analysis(change: _Change) -> Iterator[Mapping[str, Any]]:
    found = change.analysis
    yield stored_rows.scores(change.counted) | {
        "comment_key": change.key,
        "model_version": found.model_version,
        "status": found.status,
        "body": change.body,
        "corrected": change.corrected,
        "analyzed_at": datetime.fromisoformat(found.analyzed_at),
    }
