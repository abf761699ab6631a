"""Every SQL statement on alerts that were told."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.events.tables import raised_alert
from service.rollup_repository import upserter

Name = tuple[str, str, str]
"""Touchpoint, label and direction: what an alert is known by."""


def note(conn: Connection, tenant: str, names: Sequence[Name], seen: date) -> set[Name]:
    """Note that these alerts are in force as of a day; those that were not noted before.

    Of several that note the same at once one is told that it is new.
    """
    columns = raised_alert.c
    is_new = set()
    # In order, so that two never wait for each other crosswise.
    for name in sorted(names):
        values = dict(zip(("touchpoint", "label", "direction"), name, strict=True))
        insert = upserter(conn)(raised_alert).values(tenant=tenant, seen=seen, **values)
        if conn.scalar(insert.on_conflict_do_nothing().returning(columns.label)) is not None:
            is_new.add(name)
            continue
        own = (columns.tenant == tenant) & sa.and_(*(columns[key] == value for key, value in values.items()))
        conn.execute(raised_alert.update().where(own, columns.seen < seen).values(seen=seen))
    return is_new


def forget(conn: Connection, tenant: str, before: date) -> None:
    """Drop the notes on alerts that were last found before a day."""
    old = (raised_alert.c.tenant == tenant) & (raised_alert.c.seen < before)
    conn.execute(raised_alert.delete().where(old))
