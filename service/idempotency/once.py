"""One request, one answer: `answer_once` around the work of a route.

The work itself is safe to repeat, because comments replay by their id. So the answer need not be stored in the
transactions that store the comments: after a crash between the two the retry runs the work again, every comment
is found to be there already ("replayed"), nothing is counted twice, and the answer is kept then. The same holds
for two requests with one key at the same moment: both work, the first answer stays.
"""

import json
from collections.abc import Callable
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
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text of the client's choice, one for each request: sent again within 24 hours with the "
        "same body, the request gets its first answer again; with another body it is refused.",
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
    engine: Engine, tenant: str, key: str, request: bytes, work: Callable[[], Answer]
) -> tuple[str, bool]:
    """The JSON of an answer, and whether it is one that was kept.

    Raises `InputError` "idempotency_conflict" if the key was used for another request, "erased" if a comment of
    the answer has been erased since.
    """
    digest = sha256(request).hexdigest()
    with write(engine) as conn:
        now = database_time(conn)
        kept = answers.reserve(conn, tenant, key, digest, now, now - KEPT)
    if kept.digest != digest:
        raise models.InputError(
            "Idempotency-Key: was used for a request with another body", code="idempotency_conflict"
        )
    if kept.erased:
        raise models.InputError("a comment of this request has been erased since", code="erased")
    if kept.body is not None:
        return kept.body, True
    found = work()
    body = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if found.final:
        _keep(engine, tenant, key, body, found.comment_ids)
    return body, False


def _keep(engine: Engine, tenant: str, key: str, body: str, ids: list[str]) -> None:
    """Keep an answer, unless a comment that it quotes was erased before this moment."""
    with write(engine) as conn:
        if repository.held(conn, tenant, ids) == set(ids):
            answers.keep(conn, tenant, key, 200, body, ids)
