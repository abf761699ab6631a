"""How much a key may do: requests a minute, comments a day, counted in the database for all processes together.

Windows are fixed: a minute and a day begin when the database's clock (UTC) says so. What a limit refuses is not
counted, and comments of a request that fails otherwise are given back (`Meter.unless_refused`). A key without
limits writes nothing.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sa

from models.errors import InputError
from service.database import AWAY, read, write
from service.keys import repository
from service.keys.key import Key
from service.waiting import run

Measure = Literal["requests", "comments"]
_SECONDS: dict[Measure, int] = {"requests": 60, "comments": 86_400}
_WINDOW: dict[Measure, str] = {"requests": "a minute", "comments": "a day (UTC)"}
log = logging.getLogger("listenwell")


class _Taken(NamedTuple):
    """What was counted, and in the window of when."""

    measure: Measure
    amount: int
    started: int


@dataclass(frozen=True)
class Standing:
    """Where a key stands with one of its limits: what is left, and in how many seconds it is all there again."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """For an answer (draft-ietf-httpapi-ratelimit-headers-05)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Meter:
    """The limits of one key during one request; `standing` is what the answer should tell of them."""

    def __init__(self, engine: sa.Engine | None = None, key: Key | None = None) -> None:
        self._engine = engine
        self._key = key
        self.standing: Standing | None = None
        self._taken: list[_Taken] = []

    @property
    def key_id(self) -> str | None:
        """The key's id, for what is counted later."""
        return self._key.id if self._key else None

    def limits(self, measure: Measure) -> bool:
        """Whether there is a limit, so that `take` asks the database and may wait for it."""
        return self._most(measure) is not None

    def take(self, measure: Measure, amount: int = 1) -> None:
        """Count this much. Raises `InputError` "rate_limited" if the limit does not allow it now, "too_many_comments"
        if it never will."""
        most = self._most(measure)
        if self._engine is None or self._key is None or most is None or amount == 0:
            return
        if amount > most:
            raise _too_many(measure, amount, most)
        seconds = _SECONDS[measure]
        with write(self._engine) as conn:
            used = repository.take(conn, self._key.id, measure, amount, most=most, seconds=seconds)
        if used is None:
            with read(self._engine) as conn:
                used = repository.usage(conn, self._key.id, measure, seconds=seconds)
            self.standing = _standing(most, used)
            raise _refused(measure, amount, self.standing)
        self._taken.append(_Taken(measure, amount, used.started))
        # What is told of by itself is the limit on requests, which every call has.
        self.standing = self.standing or _standing(most, used)

    def give_back(self, measure: Measure) -> None:
        """Count no longer what was taken, once. While the database is away it stays counted."""
        given = [one for one in self._taken if one.measure == measure]
        self._taken = [one for one in self._taken if one.measure != measure]
        if self._engine is None or self._key is None or not given:
            return
        if not self.limits("requests"):
            self.standing = None
        try:
            with write(self._engine) as conn:
                for _, amount, started in given:
                    repository.give_back(conn, self._key.id, measure, amount, started=started)
        except AWAY as error:
            log.warning("key %s: %s stay counted: %s", self._key.id, measure, type(error).__name__)

    @asynccontextmanager
    async def unless_refused(self, measure: Measure) -> AsyncIterator[None]:
        """Give back what was taken if the block raises, whatever it is: the request is not answered then."""
        try:
            yield
        except BaseException:
            await run(lambda: self.give_back(measure), aside=self.limits(measure))
            raise

    def _most(self, measure: Measure) -> int | None:
        if self._key is None:
            return None
        return self._key.requests_per_minute if measure == "requests" else self._key.comments_per_day


class Quota:
    """The comments a day of the key that sent a job; without a key, or a limit of it, there is none."""

    def __init__(self, engine: sa.Engine, key_id: str | None) -> None:
        self._engine = engine
        self._id = key_id or ""
        with read(engine) as conn:
            found = repository.find(conn, self._id) if key_id else None
        self._most = None if found is None else found[0].comments_per_day

    def standing(self) -> Standing | None:
        """What is left of it now; None if there is no limit."""
        if self._most is None:
            return None
        with read(self._engine) as conn:
            used = repository.usage(conn, self._id, "comments", seconds=_SECONDS["comments"])
        return _standing(self._most, used)

    def take(self, conn: sa.Connection, amount: int) -> bool:
        """Count this much in the caller's transaction; false if that would be more than the limit."""
        if self._most is None or amount == 0:
            return True
        if amount > self._most:
            return False
        day = _SECONDS["comments"]
        return repository.take(conn, self._id, "comments", amount, most=self._most, seconds=day) is not None


def _standing(most: int, usage: repository.Usage) -> Standing:
    return Standing(most, max(0, most - usage.used), max(1, usage.ends_in))


def _too_many(measure: Measure, amount: int, most: int) -> InputError:
    return InputError(
        f"{amount:,} {measure} are more than this key's {most:,} {measure} {_WINDOW[measure]}: send fewer at a time",
        code="too_many_comments",
    )


def _refused(measure: Measure, amount: int, standing: Standing) -> InputError:
    asked = f"{amount:,} {measure}, " if measure == "comments" else ""
    return InputError(
        f"{asked}{standing.remaining:,} are left of this key's {standing.limit:,} {measure} {_WINDOW[measure]}; "
        f"the next window begins in {standing.reset:,} s",
        code="rate_limited",
    )
