"""The use-case: what a person answers to a comment of the review queue, in the caller's one transaction.

In the uncertain and the disputed stream an answer is a correction as well. In the audit it is not: it is kept
apart, changes no label in force, and nothing is ever trained on it, because it is what the model is measured by.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

import models
from service import repository as comments
from service.clock import database_time
from service.corrections.correcting import correct
from service.corrections.correction import NewCorrection, Source, verdicts
from service.intake import Name
from service.records import StoredComment
from service.review import audit_repository, disputes, repository
from service.review.lots import lot, salt
from service.review.repository import Annotation, Stream

Outcome = Literal["created", "replayed"]
_SOURCES: dict[Stream, Source] = {"uncertain": "review", "disputed": "disputed"}


class AnswerIn(BaseModel):
    """What a person found in a comment. In the audit, labels that are not `present` are absent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    stream: Stream
    id: Name
    present: list[str] = Field(default_factory=list, max_length=500)
    absent: list[str] = Field(default_factory=list, max_length=500)
    sentiment: Any = Field(None, description="As in a correction; null if not judged.")
    actor: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a person says of a comment they were given; in the audit, labels not named are not there."""

    stream: Stream
    id: str
    said: NewCorrection


def answer(conn: Connection, tenant: str, given: Answer, labels: tuple[str, ...], *, twice: float) -> Outcome:
    """Keep an answer. `labels` are all of the taxonomy; a share `twice` of comments is wanted from two people.

    Raises `InputError` "unknown_comment", "not_analyzed", "not_in_stream" for a comment that was not drawn,
    "already_answered" where the same person said something else before.
    """
    stored = comments.locked(conn, tenant, given.id)
    if stored is None:
        raise models.InputError("no comment has this id", code="unknown_comment")
    new = _annotation(stored, given, labels)
    earlier = repository.answers_of(conn, stored.key, given.stream)
    mine = next((one for one in earlier if one.annotator == new.annotator), None)
    if mine is not None:
        if mine == new:
            return "replayed"
        raise models.InputError(
            "this person has answered this comment otherwise before", code="already_answered"
        )
    if given.stream == "audit" and not audit_repository.is_drawn(conn, stored.key):
        raise models.InputError("this comment was not drawn for the audit", code="not_in_stream")
    repository.add(conn, tenant, new, database_time(conn))
    if given.stream == "audit":
        audit_repository.count_answer(conn, stored.key)
        return "created"
    _correct(conn, tenant, stored.key, given)
    if given.stream == "uncertain" and len(earlier) + 1 >= _wanted(conn, tenant, given.id, twice):
        repository.settle_doubts(conn, stored.key)
    return "created"


def _annotation(stored: StoredComment, given: Answer, labels: tuple[str, ...]) -> Annotation:
    said = verdicts(given.said.said)
    if given.stream == "audit":
        said = {label: said.get(label, False) for label in labels}
    sentiment = given.said.said.get("sentiment")
    return Annotation(
        comment_key=stored.key,
        stream=given.stream,
        annotator=given.said.actor,
        verdicts=said,
        sentiment=None if sentiment is None else str(sentiment),
    )


def _correct(conn: Connection, tenant: str, key: int, given: Answer) -> None:
    said = given.said
    made = NewCorrection(
        said=said.said, actor=said.actor, via=said.via, note=said.note, source=_SOURCES[given.stream]
    )
    correct(conn, tenant, given.id, made, anew=given.stream == "disputed")
    if given.stream == "disputed":
        # Also what they said before in the same words, which is no new correction.
        disputes.settle(conn, key, said)


def _wanted(conn: Connection, tenant: str, id: str, twice: float) -> int:
    return 1 + (lot(salt(conn), "twice", tenant, id) < twice)
