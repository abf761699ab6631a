"""One request, one answer: `answer_once` around the work of a route.

The work itself is safe to repeat, because comments replay by their id. So the answer need not be stored in the
transactions that store the comments: after a crash between the two the retry runs the work again, every comment
is found to be there already ("replayed"), nothing is counted twice, and the answer is kept then. The same holds
for two requests with one key at the same moment: both work, and both get the answer of the one that is ready first.
"""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Protocol

from fastapi import Header
from sqlalchemy.engine import Engine

import models
from service import repository
from service.clock import database_time
from service.database import write
from service.idempotency import repository as answers

KEPT = timedelta(hours=24)


def key_header(description: str) -> Any:
    """The header `Idempotency-Key` as a route takes it: 1 to 255 characters of ASCII without blanks."""
    return Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description=description,
    )


IdempotencyKey = Annotated[
    str | None,
    key_header(
        "Any text of the client's choice, one for each request: sent again within 24 hours with the "
        "same body, the request gets its first answer again; with another body it is refused."
    ),
]


class Answer(Protocol):
    """What a route's work comes to."""

    def to_dict(self) -> dict[str, Any]:
        """Its JSON object."""
        ...

    @property
    def final(self) -> bool:
        """Whether it may be kept: the next attempt would come to the same."""
        ...

    @property
    def comment_ids(self) -> list[str]:
        """The comments that it quotes: once one of them is erased, it is kept no longer."""
        ...


def answer_once(
    engine: Engine, tenant: str, key: str, request: bytes, work: Callable[[], Answer], ids: Sequence[str] = ()
) -> tuple[str, bool]:
    """The JSON of an answer, and whether it is one that was kept: `begin`, the work and `end` in one thread."""
    kept = begin(engine, tenant, key, request, ids)
    return end(engine, tenant, key, work()) if kept is None else (kept, True)


def begin(engine: Engine, tenant: str, key: str, request: bytes, ids: Sequence[str] = ()) -> str | None:
    """The JSON of the answer that was kept; None where the work is to be done.

    `ids` are those of the comments that the request is about, as far as they can be ids: noted before the work, so
    that what is erased stays erased also where the first answer was lost.

    Raises `InputError` "idempotency_conflict" if the key was used for another request, "erased" if a comment of
    the answer has been erased since.
    """
    digest = sha256(request).hexdigest()
    with write(engine) as conn:
        now = database_time(conn)
        kept = answers.reserve(conn, tenant, key, digest, now, now - KEPT)
        if kept.digest == digest and kept.body is None and not kept.erased:
            answers.link(conn, tenant, key, ids)
    if kept.digest != digest:
        raise models.InputError(
            "Idempotency-Key: was used for a request with another body", code="idempotency_conflict"
        )
    if kept.erased:
        raise models.InputError("a comment of this request has been erased since", code="erased")
    return kept.body


def end(engine: Engine, tenant: str, key: str, found: Answer) -> tuple[str, bool]:
    """The JSON of an answer, kept from now on if it is final; or of the one that another request with the key got
    meanwhile, and that it was."""
    body = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if not found.final:
        return body, False
    with write(engine) as conn:
        if repository.held(conn, tenant, found.comment_ids) != set(found.comment_ids):
            # One that it quotes was erased before this moment.
            answers.spoil(conn, tenant, key)
        elif not answers.keep(conn, tenant, key, 200, body, found.comment_ids):
            first = answers.body_of(conn, tenant, key)
            return (body, False) if first is None else (first, True)
    return body, False
