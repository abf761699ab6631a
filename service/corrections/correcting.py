"""The use-case: a person's correction of one comment, with all that follows it, in the caller's one transaction.

    with write(engine) as conn:
        corrected = correct(conn, tenant, id, read_correction(item, taxonomy, caller))

The model's analysis stays as it is; the labels in force, the metrics and the filters follow at once. What the
same person says again, word for word, changes nothing, but where they were shown what somebody else has said since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy.engine import Connection

import models
from service import repository, save_repository
from service.clock import database_time
from service.corrections import repository as corrections
from service.corrections.correction import Correction, NewCorrection, Said, verdicts
from service.corrections.in_force import in_force
from service.etags import etag, matches
from service.events import outbox
from service.records import StoredComment
from service.review import disputes
from service.review import repository as review


@dataclass(frozen=True)
class Corrected:
    """A correction, the comment as it is now, and whether it was there before."""

    correction: Correction
    stored: StoredComment
    outcome: Literal["created", "replayed"]


def correct(
    conn: Connection,
    tenant: str,
    id: str,
    new: NewCorrection,
    *,
    if_match: str | None = None,
    anew: bool = False,
) -> Corrected:
    """Put a person's word over the model's; `anew` where they say it in the face of the labels in force.

    Raises `InputError` "unknown_comment" (also for one that was erased, or is another tenant's), "not_analyzed",
    "changed_meanwhile" if `if_match` names another state, and `CommentError` "invalid_evidence".
    """
    stored = repository.locked(conn, tenant, id)
    if stored is None:
        raise models.InputError("no comment has this id", code="unknown_comment")
    new = replace(new, said=_with_words(new.said, stored.record.text))
    last = next((one for one in reversed(stored.corrections) if one.actor == new.actor), None)
    overruled = anew and last is not None and last is not stored.corrections[-1]
    if last is not None and last.same(new) and not overruled:
        # Asked before If-Match: the change that a retry wants has been made, by its first attempt.
        return Corrected(last, stored, "replayed")
    if if_match is not None and not matches(if_match, etag(stored)):
        raise models.InputError("the comment is not as it was when it was read", code="changed_meanwhile")
    if stored.analysis["status"] != "analyzed":
        raise models.InputError(
            "this comment could not be read by the model, so there is nothing to correct", code="not_analyzed"
        )
    made = _keep(conn, tenant, stored, new)
    disputes.follow(conn, tenant, stored, made)
    if made.source != "review":
        # In the review queue a second person may still be asked.
        review.settle_doubts(conn, stored.key, list(verdicts(made.said)))
    after = _put(conn, stored, made)
    outbox.corrected(conn, after, made)
    return Corrected(made, after, "created")


def _keep(conn: Connection, tenant: str, stored: StoredComment, new: NewCorrection) -> Correction:
    at, version = database_time(conn), str(stored.analysis["model_version"])
    id = corrections.add(conn, tenant, stored.key, new, version, at)
    return Correction(**vars(new), id=id, comment_id=stored.record.id, model_version=version, at=at)


def _put(conn: Connection, stored: StoredComment, made: Correction) -> StoredComment:
    people = (*stored.corrections, made)
    corrected = in_force(stored.analysis, [one.said for one in people])
    save_repository.put_corrected(conn, stored, corrected)
    return replace(stored, corrected=corrected, corrections=people)


def _with_words(said: Said, text: str) -> Said:
    """The same with the words of each piece of evidence. Raises `CommentError` "invalid_evidence"."""
    labels = said["labels"]
    added = [
        one | {"evidence": [_quote(one["id"], span, text) for span in one["evidence"]]}
        for one in labels["add"]
    ]
    return {**said, "labels": {**labels, "add": added}}


def _quote(label: str, span: Mapping[str, Any], text: str) -> dict[str, Any]:
    start, end = span["start"], span["end"]
    if not 0 <= start < end <= len(text):
        raise models.CommentError(
            f"labels.add: evidence of {label} must have 0 <= start < end <= {len(text)}, the length of the text",
            code="invalid_evidence",
            field="labels.add",
        )
    return {"start": start, "end": end, "text": text[start:end]}
