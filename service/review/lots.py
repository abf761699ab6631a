"""Lots: a number from 0 to 1 for each comment that nobody can foresee and that is always the same.

The lot is the HMAC-SHA256 of tenant and id under a secret of the installation. So a replay, a retry after a kill or
a second worker never draws again, and whoever names comments cannot choose which are drawn.
"""

import hmac

from sqlalchemy.engine import Connection

from service.keys import repository as secrets

SECRET = "review_lots"


def salt(conn: Connection) -> bytes:
    """The installation's secret for lots."""
    return bytes.fromhex(secrets.known_secret(conn, SECRET) or secrets.secret(conn, SECRET))


def lot(salt: bytes, purpose: str, tenant: str, id: str) -> float:
    """From 0 to below 1, uniform over ids, independent between purposes."""
    name = "\0".join((purpose, tenant, id)).encode("utf-8")
    # As many bits as a float holds exactly.
    return (int.from_bytes(hmac.digest(salt, name, "sha256")[:8], "big") >> 11) / 2**53
