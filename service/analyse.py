"""The use-case: comments in, analyses out, and, for `record`, into the store. Every door calls this.

HTTP, the back-fill and the command line differ only in how items come and how results leave.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa

import models
from models.masking.masker import Masker
from service import repository
from service.database import AWAY, read, write
from service.events import outbox
from service.intake import Accepted, Intake, item_error, take
from service.privacy.masking import masker_of
from service.records import CommentRecord, Outcome
from service.review.audit_repository import draw
from service.settings import Settings

TENANT = "default"
"""Whose comments they are where nobody says: without keys, and in commands without --tenant."""


Stored = Callable[[CommentRecord, models.Analysis], None]
_NOT_STORED = "not_stored"
_PATIENCE = 3
"""Comments of one batch that may fail to be stored in a row before the others are not tried."""
log = logging.getLogger("listenwell")


class Tagger(Protocol):
    """Whatever tags: `Pipeline.analyze`, or the micro-batcher that stands before one."""

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """One analysis a comment, in order."""
        ...


@dataclass
class Results:
    """What a batch came to: results of the good items in their order, errors of the others."""

    results: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract."""
        return {"results": self.results, "errors": self.errors}

    @property
    def final(self) -> bool:
        """Whether the same request would have the same answer again: false where the database was away."""
        return not any(error["code"] == _NOT_STORED for error in self.errors)

    @property
    def comment_ids(self) -> list[str]:
        """Whose words are in it."""
        return [str(result["id"]) for result in self.results]


@dataclass(frozen=True)
class Judged:
    """What is to be tagged of a batch, and the errors of the other items."""

    accepted: list[Accepted]
    errors: list[dict[str, Any]]

    @property
    def comments(self) -> list[models.Comment]:
        """What the pipeline is asked for."""
        return [comment_of(one.record) for one in self.accepted]

    def results(self, analyses: Sequence[models.Analysis]) -> Results:
        """What the batch came to, given the analyses of its comments."""
        return Results([analysis.to_dict() for analysis in marked(self.accepted, analyses)], self.errors)


@dataclass(frozen=True)
class Begun:
    """A batch on its way into the store: what is to be tagged of it, and the answers that need no model."""

    intake: Intake
    arrived: datetime
    fresh: list[Accepted]
    answers: dict[int, dict[str, Any]]

    @property
    def comments(self) -> list[models.Comment]:
        """What the pipeline is asked for."""
        return [comment_of(one.record) for one in self.fresh]


def judge(items: Sequence[object], masker: Masker | None = None) -> Judged:
    """Judge and mask raw items that are not to be stored: an id may be missing or used twice."""
    intake = take(items, tenant=TENANT, arrived=_now(), masker=masker, needs_id=False)
    return Judged(intake.accepted, intake.errors)


def analyze(
    items: Sequence[object], tagger: Tagger, *, masker: Masker | None = None, all_labels: bool = False
) -> Results:
    """Judge, mask and tag raw items; nothing is stored. Who can wait without a thread does it in two steps."""
    judged = judge(items, masker)
    return judged.results(tagger(judged.comments, all_labels=all_labels) if judged.accepted else [])


class Desk:
    """Where comments are taken in. `stored` hears of each that was stored new. Safe to use from several threads."""

    def __init__(
        self, engine: sa.Engine, tagger: Tagger, settings: Settings, stored: Stored = lambda *_: None
    ) -> None:
        self.stored = stored
        self.engine = engine
        self.tagger = tagger
        self.settings = settings
        self.masker = masker_of(settings)

    def record(
        self, items: Sequence[object], *, tenant: str = TENANT, seen: set[str] | None = None
    ) -> Results:
        """Judge, tag and store raw items, one transaction a comment; each result says its `outcome`.

        An item whose content is stored already is answered from the store and not tagged again. `seen` holds
        the ids used so far where one input comes in several batches.
        """
        begun = self.begin(items, tenant=tenant, seen=seen)
        return self.finish(begun, self.tagger(begun.comments) if begun.fresh else [])

    def begin(self, items: Sequence[object], *, tenant: str = TENANT, seen: set[str] | None = None) -> Begun:
        """The first half of `record`, before the model: who can wait for it without a thread takes both halves."""
        arrived = _now()
        intake = take(items, tenant=tenant, arrived=arrived, masker=self.masker, seen=seen)
        answers = self._replays(intake, tenant)
        fresh = [accepted for accepted in intake.accepted if accepted.index not in answers]
        return Begun(intake, arrived, fresh, answers)

    def finish(self, begun: Begun, analyses: Sequence[models.Analysis]) -> Results:
        """The other half: store, given the analyses of `begun.comments`."""
        intake, answers = begun.intake, begun.answers
        fresh = list(zip(begun.fresh, marked(begun.fresh, analyses), strict=True))
        self._store(fresh, begun.arrived, answers, intake)
        order = sorted(answers)
        intake.errors.sort(key=lambda error: int(error["index"]))
        return Results([answers[index] for index in order], intake.errors)

    def _replays(self, intake: Intake, tenant: str) -> dict[int, dict[str, Any]]:
        answers = {}
        with read(self.engine) as conn:
            known = repository.digests(conn, tenant, [accepted.record.id for accepted in intake.accepted])
            for accepted in intake.accepted:
                record = accepted.record
                if known.get(record.id) == record.digest and (
                    stored := repository.get(conn, tenant, record.id)
                ):
                    answers[accepted.index] = stored.analysis | {"outcome": "replayed"}
        return answers

    def _store(
        self,
        fresh: Sequence[tuple[Accepted, models.Analysis]],
        arrived: datetime,
        answers: dict[int, dict[str, Any]],
        intake: Intake,
    ) -> None:
        missed = 0
        for accepted, analysis in fresh:
            # A database that is gone is not asked five hundred times.
            outcome = self._save(accepted.record, analysis, arrived) if missed < _PATIENCE else None
            missed = 0 if outcome else missed + 1
            if outcome is not None:
                answers[accepted.index] = analysis.to_dict() | {"outcome": outcome}
                if outcome != "replayed":
                    self.stored(accepted.record, analysis)
            elif missed == len(fresh) and not answers:
                raise models.ListenwellError(
                    "the database cannot be reached or is busy", code="database_unavailable"
                )
            else:
                # One comment that could not be written must not hide that others of its batch were.
                fault = models.CommentError("could not be stored, try again", code=_NOT_STORED, field="id")
                intake.errors.append(item_error({"id": accepted.record.id}, accepted.index, fault))

    def _save(self, record: CommentRecord, analysis: models.Analysis, arrived: datetime) -> Outcome | None:
        """None if the database did not take it, or if nobody knows: to send it again is safe."""
        try:
            with write(self.engine) as conn:
                outcome = repository.save(conn, record, analysis, arrived)
                draw(conn, [(record, analysis)], [outcome], **self.settings.audit)
                outbox.analyzed(conn, record, analysis, outcome)
                return outcome
        except AWAY as error:
            log.error("a comment was not stored: %s", getattr(error, "orig", None) or error)
            return None


def tag(accepted: Sequence[Accepted], tagger: Tagger, *, all_labels: bool = False) -> list[models.Analysis]:
    """An analysis of each, in order, which says what was masked."""
    if not accepted:
        return []
    return marked(accepted, tagger([comment_of(one.record) for one in accepted], all_labels=all_labels))


def marked(accepted: Sequence[Accepted], analyses: Sequence[models.Analysis]) -> list[models.Analysis]:
    """Analyses that say what was masked."""
    return [
        said if one.masked is None else replace(said, masked=one.masked)
        for one, said in zip(accepted, analyses, strict=True)
    ]


def comment_of(record: CommentRecord) -> models.Comment:
    """What the pipeline reads of a comment."""
    return models.Comment(
        text=record.text, question=record.question, language=record.language, id=record.id or None
    )


def _now() -> datetime:
    return datetime.now(UTC)
