"""Every SQL statement on the random audit: who is drawn, what is still to be read, and what came of it.

draw(conn, pairs, outcomes, rate=0.02, twice=0.2)     in the transaction that stores the comments
audited(conn, tenant, from_day, to_day)               what estimates of true rates are made of
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models import Analysis
from service.clock import database_time
from service.corrections.in_force import GROUPS
from service.database import chunks
from service.records import CommentRecord, Outcome
from service.review.lots import lot, salt
from service.review.tables import annotation, audit_draw
from service.rollup_repository import upserter
from service.rollups import WHOLE, touchpoints_of
from service.tables import analysis, comment, comment_touchpoint

Pairs = Sequence[tuple[CommentRecord, Analysis]]
Answer = tuple[Any, list[dict[str, bool]]]
"""An audited comment with its analysis, and the verdicts of each who read it."""


@dataclass(frozen=True)
class Audited:
    """What people, blind to the model, found in comments drawn at random: columns of one length, shape (rows,).

    There is a row for each comment, touchpoint ("*" is every comment's) and label. `y` is the share of the
    annotators who found the label (0 or 1 where there was one), `f` whether the model in force finds it (0 or 1:
    what the daily sums count, before corrections: `label:<id>` less `corrected:<id>`), `pi` the probability with
    which the comment was drawn when it was stored and then read, `model_version` whose `f` it is. Rows of one `comment`
    are not independent. Comments without content are left out: they have no label, and no estimate counts them as read.
    Comments that were stored before the audit began could not be drawn and are not stood for.
    """

    comment: NDArray[np.int64]
    touchpoint: NDArray[np.str_]
    label: NDArray[np.str_]
    y: NDArray[np.float64]
    f: NDArray[np.float64]
    pi: NDArray[np.float64]
    model_version: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)


def draw(conn: Connection, pairs: Pairs, outcomes: Sequence[Outcome], *, rate: float, twice: float) -> None:
    """Draw of the analysed comments that were just stored each with probability `rate`, and note it.

    A share `twice` of those drawn is to be read by two people. What was drawn before stays drawn; it stands for as many
    as others of today, where the rate was raised: its lot would have been drawn at this one as well.
    """
    fresh = [
        pair
        for pair, outcome in zip(pairs, outcomes, strict=True)
        if outcome != "replayed" and pair[1].status == "analyzed"
    ]
    if not fresh or not rate:
        return
    secret = salt(conn)
    drawn = {
        (record.tenant, record.id): (found, number)
        for record, found in fresh
        if (number := lot(secret, "audit", record.tenant, record.id)) < rate
    }
    if not drawn:
        return
    now = database_time(conn)
    rows = [
        {
            "comment_key": key,
            "tenant": tenant,
            "lot": drawn[tenant, id][1],
            "probability": rate,
            "model_version": drawn[tenant, id][0].model_version,
            "tags": _tags(drawn[tenant, id][0]),
            "wanted": 1 + (lot(secret, "twice", tenant, id) < twice),
            "answered": 0,
            "drawn_at": now,
        }
        for tenant, id, key in _keys(conn, list(drawn))
    ]
    insert = upserter(conn)(audit_draw)
    raised = insert.on_conflict_do_update(
        index_elements=["comment_key"],
        set_={"probability": insert.excluded.probability},
        where=audit_draw.c.probability < insert.excluded.probability,
    )
    conn.execute(raised, rows)


def pending(conn: Connection, tenant: str, annotator: str, limit: int) -> list[int]:
    """Keys of drawn comments that this person may still read, the lowest lots first.

    In this order whatever part of them is read is a random part, also if people stop half-way.
    """
    mine = sa.exists().where(
        annotation.c.comment_key == audit_draw.c.comment_key,
        annotation.c.stream == "audit",
        annotation.c.annotator == annotator,
    )
    open_ = audit_draw.c.answered < audit_draw.c.wanted
    query = sa.select(audit_draw.c.comment_key).where(audit_draw.c.tenant == tenant, open_, ~mine)
    return list(conn.scalars(query.order_by(audit_draw.c.lot).limit(limit)))


def is_drawn(conn: Connection, comment_key: int) -> bool:
    """Whether a comment measures, so that nothing may be trained on it."""
    return conn.scalar(sa.select(sa.exists().where(audit_draw.c.comment_key == comment_key))) is True


def count_answer(conn: Connection, comment_key: int) -> None:
    """One more person has read a drawn comment."""
    own = audit_draw.c.comment_key == comment_key
    conn.execute(audit_draw.update().where(own).values(answered=audit_draw.c.answered + 1))


def audited(
    conn: Connection,
    tenant: str,
    labels: Sequence[str],
    from_day: date | None = None,
    to_day: date | None = None,
    touchpoint: str | None = None,
) -> Audited:
    """The answers of the audit on comments that occurred from `from_day` to before `to_day` (UTC).

    With a `touchpoint` only the rows of that one (or of "*"). The probability of each is that of having been read: of
    being drawn, by the share of those drawn at this rate in this month that people have come to.
    """
    read = _read_shares(conn, tenant)
    answers = [
        one for one in _answers(conn, tenant, from_day, to_day, touchpoint) if not one[0].body["no_content"]
    ]
    found, said = _judged(answers, labels)
    places = [_places(row) if touchpoint is None else [touchpoint] for row, _ in answers]
    # A row for each comment and place, and of these one for each label that was judged.
    each = np.repeat(np.arange(len(answers)), [len(own) for own in places])
    row, label = np.nonzero(~np.isnan(said[each]))
    answer = each[row]
    return Audited(
        np.array([one.key for one, _ in answers], np.int64)[answer],
        np.array([place for own in places for place in own], np.str_)[row],
        np.array(labels, np.str_)[label],
        said[answer, label],
        found[answer, label],
        np.array([one.probability * read[_group(one)] for one, _ in answers], np.float64)[answer],
        np.array([one.body["model_version"] for one, _ in answers], np.str_)[answer],
    )


_Group = tuple[float, str]


def _group(row: Any) -> _Group:
    """What was drawn alike and, roughly, waited alike: at one rate, in one month."""
    return row.probability, str(row.day)[:7]


def _read_shares(conn: Connection, tenant: str) -> dict[_Group, float]:
    """Of the comments drawn, the share that anybody has read; no comment of a group is likelier to be than another."""
    drawn, read = Counter[_Group](), Counter[_Group]()
    is_read = sa.case((audit_draw.c.answered > 0, 1), else_=0)
    query = sa.select(
        audit_draw.c.probability, _DAY, sa.func.count().label("n"), sa.func.sum(is_read).label("read")
    )
    for row in conn.execute(
        query.where(audit_draw.c.tenant == tenant).group_by(audit_draw.c.probability, _DAY)
    ):
        drawn[_group(row)] += row.n
        read[_group(row)] += row.read
    return {group: read[group] / n for group, n in drawn.items() if read[group]}


_DAY = sa.func.date(audit_draw.c.drawn_at).label("day")


def _judged(
    answers: Sequence[Answer], labels: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whether the model finds each label, and the share of people who did, NaN where nobody judged."""
    column = {label: place for place, label in enumerate(labels)}
    found, yes, times = (np.zeros((len(answers), len(labels))) for _ in range(3))
    for place, (row, verdicts) in enumerate(answers):
        for group in GROUPS:
            for one in row.body.get(group, ()):
                if one["id"] in column:
                    found[place, column[one["id"]]] = 1
        for label, verdict in (one for said in verdicts for one in said.items()):
            if label in column:
                yes[place, column[label]] += verdict
                times[place, column[label]] += 1
    return found, np.divide(yes, times, out=np.full_like(yes, np.nan), where=times > 0)


def _places(row: Any) -> list[str]:
    named = CommentRecord(id=row.id, text="", touchpoint=row.touchpoint, occurred_at=row.occurred_at)
    return [WHOLE, *(place.id for place in touchpoints_of(named, row.body))]


def _answers(
    conn: Connection, tenant: str, from_day: date | None, to_day: date | None, touchpoint: str | None
) -> Iterator[Answer]:
    c = comment.c
    columns = (c.key, c.id, c.touchpoint, c.occurred_at, analysis.c.body, audit_draw.c.probability, _DAY)
    query = (
        sa.select(*columns, annotation.c.verdicts)
        .join_from(audit_draw, comment, c.key == audit_draw.c.comment_key)
        .join(analysis, analysis.c.comment_key == c.key)
        .join(annotation, annotation.c.comment_key == c.key)
        .where(annotation.c.tenant == tenant, annotation.c.stream == "audit")
    )
    if touchpoint not in (None, WHOLE):
        at = comment_touchpoint.c
        query = query.where(sa.exists().where(at.comment_key == c.key, at.touchpoint == touchpoint))
    if from_day is not None:
        query = query.where(c.occurred_at >= datetime.combine(from_day, time(), UTC))
    if to_day is not None:
        query = query.where(c.occurred_at < datetime.combine(to_day, time(), UTC))
    found: dict[int, Answer] = {}
    for row in conn.execute(query).all():
        found.setdefault(row.key, (row, []))[1].append(row.verdicts)
    # Here and not there, where whole analyses would be sorted.
    for key in sorted(found):
        yield found[key]


def texts_drawn(conn: Connection, tenant: str) -> Iterator[tuple[str, str]]:
    """Id and text of every comment that was drawn."""
    query = sa.select(comment.c.id, comment.c.text).join_from(audit_draw, comment)
    for row in conn.execute(query.where(audit_draw.c.tenant == tenant).order_by(comment.c.key)):
        yield row.id, row.text


def _keys(conn: Connection, names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for tenant, id in names:
        ids[tenant].append(id)
    for tenant, theirs in ids.items():
        for chunk in chunks(theirs):
            own = (comment.c.tenant == tenant) & comment.c.id.in_(chunk)
            for id, key in conn.execute(sa.select(comment.c.id, comment.c.key).where(own)):
                yield tenant, id, key


def _tags(found: Analysis) -> list[str]:
    return [one.id for one in (*found.issues, *found.strengths, *found.categories)]
