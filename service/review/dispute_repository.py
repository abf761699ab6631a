"""Every SQL statement on disputes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from service.review.tables import dispute
from service.rollup_repository import upserter


def put(
    conn: Connection, tenant: str, comment_key: int, reasons: Mapping[str, str], actor: str, at: datetime
) -> None:
    """Note disputed labels of a comment that the caller has locked; one that is noted already stays as it is."""
    rows = [
        {
            "comment_key": comment_key,
            "label": label,
            "tenant": tenant,
            "reason": reason,
            "actor": actor,
            "at": at,
        }
        for label, reason in sorted(reasons.items())
    ]
    if rows:
        insert = upserter(conn)(dispute)
        conn.execute(insert.on_conflict_do_nothing(index_elements=["comment_key", "label"]), rows)


def settle(conn: Connection, comment_key: int, labels: Sequence[str]) -> None:
    """These labels of a comment are disputed no longer."""
    own = dispute.c.comment_key == comment_key
    conn.execute(dispute.delete().where(own, dispute.c.label.in_(labels)))


def withdraw(conn: Connection, reason: str) -> None:
    """Nobody need settle what was disputed for this reason any more."""
    conn.execute(dispute.delete().where(dispute.c.reason == reason))
