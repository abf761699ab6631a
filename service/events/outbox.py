"""What is told to webhooks, and written in the transaction of the change itself.

    with write(engine) as conn:
        outcome = repository.save(conn, record, analysis, received_at)
        outbox.analyzed(conn, record, analysis, outcome)

So an event is there if and only if the change is. Nothing is written where no webhook of the tenant wants it.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from models import Analysis
from service.answers import rfc3339
from service.clock import database_time
from service.corrections import repository as corrections
from service.corrections.correction import Correction
from service.corrections.in_force import GROUPS
from service.events import delivery_repository, webhook_repository
from service.events.webhook_repository import Webhook
from service.records import CommentRecord, Outcome, StoredComment
from service.rollups import touchpoints_of

TYPES = ("comment.analyzed", "comment.corrected", "comment.deleted", "job.finished", "alert.raised")


@dataclass(frozen=True)
class News:
    """One event to be: `data` is public, `text` goes only to webhooks that were set up to have it."""

    subject: str | None
    data: dict[str, Any]
    text: str | None = None


def analyzed(conn: Connection, record: CommentRecord, analysis: Analysis, outcome: Outcome) -> None:
    """Tell of a comment that was just saved; a replay is no news."""
    analyzed_all(conn, record.tenant, [(record, analysis)], [outcome])


def analyzed_all(
    conn: Connection,
    tenant: str,
    pairs: Sequence[tuple[CommentRecord, Analysis]],
    outcomes: Sequence[Outcome],
) -> None:
    """The same of a batch of one tenant."""
    together = [
        (pair, outcome) for pair, outcome in zip(pairs, outcomes, strict=True) if outcome != "replayed"
    ]
    if together:
        announce(conn, tenant, "comment.analyzed", _analyzed_news(conn, tenant, together))


def _analyzed_news(
    conn: Connection, tenant: str, together: Sequence[tuple[tuple[CommentRecord, Analysis], Outcome]]
) -> Iterator[News]:
    # Of a comment that is new nobody has said anything yet.
    again = [record.id for (record, _), outcome in together if outcome == "replaced"]
    in_force = corrections.in_force_of(conn, tenant, again)
    for (record, analysis), outcome in together:
        counted = in_force.get(record.id) or analysis.to_dict()
        yield analyzed_news(record, analysis, counted, outcome)


def analyzed_news(
    record: CommentRecord, analysis: Analysis, counted: Mapping[str, Any], outcome: Outcome
) -> News:
    """Ids and the labels in force: who may read the text asks for the comment.

    `counted` is the analysis as the contract's object, or what is in force in its place.
    """
    data = {
        "id": record.id,
        "outcome": outcome,
        "status": counted["status"],
        "sentiment": counted["sentiment"] and counted["sentiment"]["label"],
        **{group: [one["id"] for one in counted.get(group, ())] for group in GROUPS},
        "touchpoints": [place.id for place in touchpoints_of(record, counted)],
        "review": analysis.review.needed,
        "model_version": analysis.model_version,
    }
    return News(record.id, data, record.text)


def corrected(conn: Connection, stored: StoredComment, made: Correction) -> None:
    """Tell of a comment that a person just corrected; `stored` is as it is now."""
    labels, said = stored.labels, made.said
    data = {
        "id": stored.record.id,
        "correction": made.id,
        "actor": made.actor,
        "added": [one["id"] for one in said["labels"]["add"]],
        "removed": said["labels"]["remove"],
        "sentiment": labels["sentiment"] and labels["sentiment"]["label"],
        **{group: [one["id"] for one in labels[group]] for group in GROUPS},
        "touchpoints": [place.id for place in stored.touchpoints],
        "model_version": stored.analysis["model_version"],
    }
    news = News(stored.record.id, data, stored.record.text)
    announce(conn, stored.record.tenant, "comment.corrected", [news])


def deleted(conn: Connection, tenant: str, ids: Sequence[str], reason: str) -> None:
    """Tell that comments are gone, and why: "comment", "customer" or "retention".

    What else is kept of events about them, sent or not, is dropped: it holds labels, and texts may be in it.
    """
    webhooks = webhook_repository.held(conn, tenant)
    delivery_repository.forget(conn, tenant, ids)
    news = [News(id, {"id": id, "reason": reason}) for id in ids]
    _enqueue(conn, tenant, "comment.deleted", news, webhooks)


def announce(conn: Connection, tenant: str, type: str, news: Iterable[News]) -> None:
    """Write events of one type, inside the caller's transaction. News is gone through only if somebody wants it."""
    _enqueue(conn, tenant, type, news, webhook_repository.held(conn, tenant))


def body(type: str, data: dict[str, Any], now: datetime) -> str:
    """The JSON of an event, as the Standard Webhooks convention shapes it."""
    content = {"type": type, "timestamp": rfc3339(now), "data": data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _enqueue(
    conn: Connection, tenant: str, type: str, news: Iterable[News], webhooks: Sequence[Webhook]
) -> None:
    wanting = [webhook for webhook in webhooks if webhook.active and type in webhook.types]
    if not wanting:
        return
    news, now = list(news), database_time(conn)
    events: list[dict[str, Any]] = []
    recipients: list[tuple[str, str]] = []
    for with_text in (False, True):
        group = [webhook.id for webhook in wanting if webhook.with_text is with_text]
        for one in news if group else ():
            id = f"evt_{secrets.token_hex(12)}"
            text = body(
                type, one.data | ({"text": one.text} if with_text and one.text is not None else {}), now
            )
            shared = {"tenant": tenant, "type": type, "subject": one.subject, "created_at": now}
            events.append(shared | {"id": id, "body": text})
            recipients += [(id, webhook_id) for webhook_id in group]
    delivery_repository.enqueue(conn, events, recipients)
