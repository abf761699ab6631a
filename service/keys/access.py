"""Who is asking: a key in the `Authorization` header, a person's cookie, or anybody while there are no keys."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from models.errors import InputError
from service.analyse import TENANT
from service.database import AWAY, read, write
from service.keys import repository, sessions
from service.keys.key import Key, allowed, parse
from service.keys.limits import Meter

log = logging.getLogger("listenwell")


@dataclass(frozen=True)
class Caller:
    """Whose comments are spoken of, and what may be done with them."""

    tenant: str
    scopes: frozenset[str]
    name: str
    """For the audit: the key, or that there was none."""
    meter: Meter = field(default_factory=Meter)
    signed_in: bool = False
    unnoted: str | None = None
    """The id of the key, where its use today is to be noted (`note`)."""


ANYBODY = Caller(TENANT, allowed(("admin", "metrics")), "http")
"""Whoever asks on this machine while there are no keys."""


def by_header(engine: sa.Engine, header: str) -> Caller:
    """The caller whose key is in an `Authorization` header. Raises `InputError` "unauthorized"."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("the Authorization header must be: Bearer lw_…")
    key, _, now = _checked(engine, text)
    unnoted = None if repository.is_noted(key, now) else key.id
    return Caller(key.tenant, allowed(key.scopes), f"key {key.id}", Meter(engine, key), unnoted=unnoted)


def note(engine: sa.Engine, key_id: str) -> None:
    """Note that a key was used just now; unlike finding out whose it is, this may wait for a lock."""
    try:
        with write(engine) as conn:
            repository.note_use(conn, key_id, repository.now(conn))
    except AWAY as error:
        # A database that cannot be written to just now should still answer who only reads.
        log.warning("key %s: its last use could not be noted: %s", key_id, type(error).__name__)


def by_cookie(engine: sa.Engine, cookie: str) -> Caller:
    """The person who signed in. Raises `InputError` "unauthorized" if the session is over."""
    token = sessions.parse(cookie)
    if token is None:
        raise _session_over()
    with read(engine) as conn:
        found = repository.find(conn, token.key_id)
        signing = repository.known_secret(conn, sessions.SECRET)
    if found is None or signing is None:
        raise _session_over()
    key, now = found
    alive = key.state(now) == "active" and token.expires > now.timestamp()
    if not alive or not sessions.is_signed(token, signing, key.hashes(now)):
        raise _session_over()
    return Caller(key.tenant, allowed(key.scopes), f"key {key.id}", Meter(engine, key), signed_in=True)


def sign_in(engine: sa.Engine, text: str, length: timedelta) -> str:
    """A cookie for the holder of a key. Raises `InputError` "unauthorized", or "forbidden" if it may not read."""
    key, secret_hash, now = _checked(engine, text)
    if not repository.is_noted(key, now):
        note(engine, key.id)
    if "read" not in allowed(key.scopes):
        raise InputError("this key may not read comments", code="forbidden")
    with write(engine) as conn:
        signing = repository.secret(conn, sessions.SECRET)
        ends = repository.now(conn) + length
    return sessions.issue(signing, key.id, secret_hash, int(ends.timestamp()))


def keys_exist(engine: sa.Engine) -> bool:
    """Whether there ever was a key."""
    return repository.exists(engine)


def _checked(engine: sa.Engine, text: str) -> tuple[Key, str, datetime]:
    """The key of this text, which hash it has, and the time by the database.

    Guesses are not slowed down or counted: of 2^256 secrets, no number of guesses finds one.
    """
    given = parse(text)
    if given is None:
        raise _unauthorized("this is no key: it must look like lw_<id>_<secret>")
    with read(engine) as conn:
        found = repository.find(conn, given.id)
    if found is None:
        raise _unauthorized("this key is not known")
    key, now = found
    secret_hash = key.fits(given.secret, now)
    if secret_hash is None:
        # The same words: whether an id exists is nobody's business.
        raise _unauthorized("this key is not known")
    if key.state(now) != "active":
        raise _unauthorized(f"this key is {key.state(now)}")
    return key, secret_hash, now


def _session_over() -> InputError:
    return _unauthorized("the session is over: sign in again")


def _unauthorized(detail: str) -> InputError:
    return InputError(detail, code="unauthorized")
