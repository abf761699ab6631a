"""Keys for tests: made in the store without the command."""

from typing import Any

import sqlalchemy as sa

from service.database import write
from service.keys import repository
from service.keys.key import Key, hash_of, mint


def make_key(engine: sa.Engine, *scopes: str, tenant: str = "default", **fields: Any) -> str:
    """The text of a new key."""
    text = mint()
    with write(engine) as conn:
        key = Key(
            id=text.id,
            tenant=tenant,
            name="test",
            scopes=frozenset(scopes),
            secret_hash=hash_of(text.secret),
            **{"created_at": repository.now(conn)} | fields,
        )
        repository.add(conn, key)
    return str(text)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
