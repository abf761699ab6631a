"""A key: what it is, what its text looks like, what it allows.

lw_<id>_<secret>     the id is no secret and names the key; the secret is shown once and kept as a hash
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from models.errors import InputError

Scope = Literal["read", "write", "admin", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_ALLOWS: dict[str, frozenset[str]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
    # The numbers of /metrics are those of all tenants together, so no tenant's admin sees them.
    "metrics": frozenset({"metrics"}),
}
_TEXT = re.compile(r"lw_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class KeyText(NamedTuple):
    """The two parts of a key's text. Never log it."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"lw_{self.id}_{self.secret}"


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key as kept; `requests_per_minute` and `comments_per_day` are None where there is no limit."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    requests_per_minute: int | None = None
    comments_per_day: int | None = None
    secret_hash: str = field(repr=False)
    previous_hash: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def state(self, now: datetime) -> Literal["active", "revoked", "expired"]:
        """Whether it can be used at this time."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def hashes(self, now: datetime) -> list[str]:
        """Of the secrets that count at this time: the newest, and after a rotation for a while the one before."""
        if self.previous_hash and self.previous_until and now < self.previous_until:
            return [self.secret_hash, self.previous_hash]
        return [self.secret_hash]

    def fits(self, secret: str, now: datetime) -> str | None:
        """The hash in force that this secret has, or None."""
        given = hash_of(secret)
        return next((known for known in self.hashes(now) if hmac.compare_digest(given, known)), None)


def mint(id: str | None = None) -> KeyText:
    """A new key's text, or a new secret for the key of this id."""
    return KeyText(id or "".join(secrets.choice(_ALPHABET) for _ in range(12)), secrets.token_urlsafe(32))


def parse(text: str) -> KeyText | None:
    """The parts of a key's text; None if it is not one."""
    found = _TEXT.fullmatch(text.strip())
    return KeyText(*found.groups()) if found else None


def hash_of(secret: str) -> str:
    """SHA-256 (hex).

    Slow, salted hashes make guessable passwords costly to try. A secret of 32 random bytes cannot be guessed at
    any speed, and a slow hash would only make each request slow.
    """
    return sha256(secret.encode("ascii")).hexdigest()


def allowed(scopes: Iterable[str]) -> frozenset[str]:
    """All that these scopes allow: write may read, admin may do both."""
    return frozenset().union(*(_ALLOWS[scope] for scope in scopes))


def checked_tenant(name: str) -> str:
    """The name, if a tenant can have it. Raises `InputError` "invalid_value"."""
    if not _TENANT.fullmatch(name):
        raise InputError(
            "tenant: 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first", code="invalid_value"
        )
    return name
