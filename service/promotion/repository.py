"""Every SQL statement on models and their promotions. The caller brings the transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from service.clock import database_time
from service.promotion.tables import model, promotion
from service.rollup_repository import upserter

Action = Literal["promote", "rollback"]


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A model that the store knows. `folder` is "default" for the shipped one."""

    version: str
    folder: str
    taxonomy_version: str
    registered_at: datetime
    registered_by: str


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A decision on which model is in force, and where that model lies.

    `gate` is what the gate said of the comparison, None where there was none; `beneath` is the key of the
    promotion that a rollback goes back to, None for the shipped model.
    """

    key: int
    version: str
    folder: str
    beneath: int | None
    action: Action
    actor: str
    reason: str | None
    gate: Mapping[str, Any] | None
    at: datetime


_FIELDS = ("key", "version", "beneath", "action", "actor", "reason", "gate", "at")
_PROMOTIONS = sa.select(*(promotion.c[name] for name in _FIELDS), model.c.folder).join(
    model, model.c.version == promotion.c.version
)
_CURRENT = _PROMOTIONS.order_by(promotion.c.key.desc()).limit(1)


def current(conn: Connection) -> Promotion | None:
    """The promotion in force; None while there was none."""
    return _promotion(conn.execute(_CURRENT).mappings().first())


def by_key(conn: Connection, key: int | None) -> Promotion | None:
    """One promotion, or None."""
    return _promotion(conn.execute(_PROMOTIONS.where(promotion.c.key == key)).mappings().first())


def history(conn: Connection) -> list[Promotion]:
    """All promotions, the newest first."""
    rows = conn.execute(_PROMOTIONS.order_by(promotion.c.key.desc())).mappings()
    return [Promotion(**row) for row in rows]


def models(conn: Connection) -> list[RegisteredModel]:
    """The models that the store knows, the oldest first."""
    rows = conn.execute(sa.select(model).order_by(model.c.registered_at, model.c.version)).mappings()
    return [RegisteredModel(**row) for row in rows]


def folder_of(conn: Connection, version: str) -> str | None:
    """Where the model of a version lies, if it is registered."""
    return conn.scalar(sa.select(model.c.folder).where(model.c.version == version))


def register(conn: Connection, version: str, folder: str, taxonomy_version: str, actor: str) -> None:
    """Know a model from now on; one that is known may have moved to another folder."""
    insert = upserter(conn)(model).values(
        version=version,
        folder=folder,
        taxonomy_version=taxonomy_version,
        registered_at=database_time(conn),
        registered_by=actor,
    )
    conn.execute(insert.on_conflict_do_update(index_elements=["version"], set_={"folder": folder}))


def add(
    conn: Connection,
    version: str,
    *,
    follows: int,
    beneath: int | None,
    action: Action,
    actor: str,
    reason: str | None,
    gate: Mapping[str, Any] | None,
) -> Promotion | None:
    """Put a registered model in force; None if another promotion than `follows` is in force by now."""
    insert = upserter(conn)(promotion).values(
        version=version,
        follows=follows,
        beneath=beneath,
        action=action,
        actor=actor,
        reason=reason,
        gate=gate,
        at=database_time(conn),
    )
    key = conn.scalar(insert.on_conflict_do_nothing(index_elements=["follows"]).returning(promotion.c.key))
    return None if key is None else by_key(conn, key)


def _promotion(row: RowMapping | None) -> Promotion | None:
    return None if row is None else Promotion(**row)
