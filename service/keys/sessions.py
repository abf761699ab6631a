"""The cookie of a person who signed in with a key: which key, until when, and a signature.

It is not the key, so who reads it off a browser has it for some hours and not for good; and it holds only as
long as the key does: a revoked, expired or rotated key ends it.
"""

import hmac
import re
from hashlib import sha256
from typing import NamedTuple

COOKIE = "listenwell_session"
SECRET = "session"
"""The name under which the database keeps what tokens are signed with."""
_TOKEN = re.compile(r"([a-z0-9]{12})\.(\d{1,12})\.([0-9a-f]{64})", re.ASCII)


class Token(NamedTuple):
    """A token's parts; nothing of it is to be believed until `signature` is checked."""

    key_id: str
    expires: int
    signature: str


def issue(signing: str, key_id: str, secret_hash: str, expires: int) -> str:
    """A token that holds until `expires`, in seconds of the epoch.

    The hash of the key's secret is part of what is signed, so that a new secret ends it.
    """
    return f"{key_id}.{expires}.{_sign(signing, key_id, secret_hash, expires)}"


def parse(text: str) -> Token | None:
    """The parts; None if it is no token."""
    found = _TOKEN.fullmatch(text)
    return Token(found[1], int(found[2]), found[3]) if found else None


def is_signed(token: Token, signing: str, secret_hashes: list[str]) -> bool:
    """Whether this installation signed it, for a secret of the key that still counts."""
    return any(
        hmac.compare_digest(token.signature, _sign(signing, token.key_id, known, token.expires))
        for known in secret_hashes
    )


def _sign(signing: str, key_id: str, secret_hash: str, expires: int) -> str:
    message = f"{key_id}.{expires}.{secret_hash}"
    return hmac.new(bytes.fromhex(signing), message.encode("ascii"), sha256).hexdigest()
