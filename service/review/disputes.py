"""Where opinions differ: two people, or a person and a model that was sure. What goes to the disputed stream.

A correction raises a dispute, and so does a challenger that reads otherwise (`service.shadow`); what a third person
says in the disputed stream settles it, and so does a correction that differs from nobody any more.
"""

from typing import Literal

from sqlalchemy.engine import Connection

from service.corrections.correction import Correction, NewCorrection, verdicts
from service.corrections.in_force import GROUPS
from service.records import StoredComment
from service.review import dispute_repository

Reason = Literal["annotators", "model", "challenger"]


def follow(conn: Connection, tenant: str, stored: StoredComment, made: Correction) -> None:
    """Raise what a correction disputes and settle the rest of what it says; `stored` is the comment before it."""
    if made.source == "disputed":
        settle(conn, stored.key, made)
        return
    said = verdicts(made.said)
    found = {
        label: reason for label, there in said.items() if (reason := _differs(stored, made, label, there))
    }
    dispute_repository.put(conn, tenant, stored.key, found, made.actor, made.at)
    dispute_repository.settle(conn, stored.key, [label for label in said if label not in found])


def settle(conn: Connection, comment_key: int, said: NewCorrection) -> None:
    """Nobody need judge the labels any more of which this speaks."""
    dispute_repository.settle(conn, comment_key, list(verdicts(said.said)))


def _differs(stored: StoredComment, made: Correction, label: str, there: bool) -> Reason | None:
    for earlier in reversed(stored.corrections):
        opinion = verdicts(earlier.said).get(label)
        if opinion is not None and earlier.actor != made.actor:
            return "annotators" if opinion != there else None
    return "model" if _is_sure(stored, label) and _found(stored, label) != there else None


def _found(stored: StoredComment, label: str) -> bool:
    groups = [stored.analysis.get(group, ()) for group in GROUPS]
    return any(one["id"] == label for group in groups for one in group)


def _is_sure(stored: StoredComment, label: str) -> bool:
    """Far from its threshold on either side. An analysis from before doubts were kept is not said to be sure."""
    doubts = stored.analysis["review"].get("doubts")
    return doubts is not None and all(doubt["id"] != label for doubt in doubts)
