"""Signatures by the Standard Webhooks convention, https://www.standardwebhooks.com.

A receiver takes the secret's part after `whsec_` as base64, computes HMAC-SHA256 over `id.timestamp.body` and
compares it, in constant time, with any of the signatures in `webhook-signature`.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_BYTES = 32  # the convention asks for 24 to 64


def new_secret() -> str:
    """A secret to be shared with one receiver."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode("ascii")


def signed(id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers; one signature a secret, so that a receiver may change secrets at its leisure."""
    content = f"{id}.{timestamp}.".encode("ascii") + body
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(content, secret) for secret in secrets),
    }


def _signature(content: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode("ascii")
