"""Putting a model in force, and going back: checked before, decided in one transaction, recorded for good.

    promote(engine, settings, "model/", by=By("anna"), report=json.loads(…))
    roll_back(engine, settings, by=By("anna", "too many false alarms"))

A model is put in force only with a comparison that the gate let pass, or with a reason. Of two people who decide
at once, on the same state of things, one is told that the other was first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import models
from service.database import read, write
from service.model import ModelInForce, model_in_force
from service.promotion import repository
from service.promotion.choice import NAMED, SHIPPED, Choice, of_promotion
from service.promotion.repository import Action, Promotion
from service.settings import Settings


@dataclass(frozen=True)
class By:
    """Who decides, and why."""

    actor: str
    reason: str | None = None


def promote(
    engine: sa.Engine,
    settings: Settings,
    given: str,
    *,
    by: By,
    report: Mapping[str, Any] | None = None,
    override: bool = False,
) -> Promotion:
    """Put a folder, a registered version or "default" in force; `report` is what `models compare` wrote.

    Raises `ArtifactError` for a model that is missing, altered or cannot be loaded, `TaxonomyError` for one that
    says other things, and `InputError`: "unknown_model", "already_in_force", "promotion_refused" (the gate's
    answer; `override` passes it, with the reason), "promotion_conflict".
    """
    with read(engine) as conn:
        current = repository.current(conn)
        name = folder_named(conn, given)
    before, after = _in_force(current), model_in_force(name)
    if given not in (name, after.version) and not Path(given).is_dir():
        raise models.ArtifactError(f"model {name}: is {after.version} now, and not {given}")
    if after.version == before.version:
        raise models.InputError(f"{after.version} is in force already", code="already_in_force")
    if after.taxonomy.to_dict() != before.taxonomy.to_dict():
        raise models.TaxonomyError(
            f"model {after.version}: its taxonomy ({after.taxonomy.version}) is not the one in force "
            f"({before.taxonomy.version})"
        )
    refusals = _refusals(report, before.version, after.version)
    if refusals and not override:
        raise models.InputError("; ".join(refusals), code="promotion_refused")
    Choice(name, after.version).load(settings)
    gate = {"passed": not refusals, "refusals": refusals}
    beneath = current.key if current else None
    return _decide(engine, current, name, after, "promote", by, beneath, gate)


def roll_back(engine: sa.Engine, settings: Settings, *, by: By) -> Promotion:
    """Put the model in force that was so before the last promotion that still counts.

    Raises `InputError` "nothing_to_roll_back" or "promotion_conflict", and as `promote` for an unsound model.
    """
    with read(engine) as conn:
        current = repository.current(conn)
        earlier = repository.by_key(conn, current.beneath) if current else None
    if current is None or (earlier is None and current.folder == SHIPPED):
        raise models.InputError("the shipped model is in force already", code="nothing_to_roll_back")
    chosen = of_promotion(earlier)
    chosen.load(settings)
    beneath = earlier.beneath if earlier else None
    return _decide(engine, current, chosen.name, chosen.about(), "rollback", by, beneath, None)


def _decide(
    engine: sa.Engine,
    current: Promotion | None,
    folder: str,
    model: ModelInForce,
    action: Action,
    by: By,
    beneath: int | None,
    gate: Mapping[str, Any] | None,
) -> Promotion:
    with write(engine) as conn:
        repository.register(conn, model.version, folder, model.taxonomy.version, by.actor)
        decided = repository.add(
            conn,
            model.version,
            follows=current.key if current else 0,
            beneath=beneath,
            action=action,
            actor=by.actor,
            reason=by.reason,
            gate=gate,
        )
        if decided is None:
            raise models.InputError(
                "another model was put in force meanwhile: look at `listenwell models list`, and decide again",
                code="promotion_conflict",
            )
    return decided


def _in_force(current: Promotion | None) -> ModelInForce:
    """What a new model follows; the shipped one where that in force is gone, which is no reason to stay with it."""
    try:
        return of_promotion(current).about()
    except models.ArtifactError:
        return Choice(SHIPPED).about()


def folder_named(conn: sa.Connection, given: str) -> str:
    """The folder of a model, from the root: other processes start elsewhere. Raises `InputError` "unknown_model"."""
    if given in NAMED:
        return given
    if Path(given).is_dir():
        return str(Path(given).absolute())
    folder = repository.folder_of(conn, given)
    if folder is None:
        raise models.InputError(
            f"{given}: neither a model folder nor a version that is registered", code="unknown_model"
        )
    return folder


def _refusals(report: Mapping[str, Any] | None, before: str, after: str) -> list[str]:
    """Why the comparison does not let this model pass; empty if it does."""
    if report is None:
        return ["no comparison was given: --report, from `listenwell models compare`"]
    try:
        compared = (report["a"]["version"], report["b"]["version"])
        refusals = [str(one["detail"]) for one in report["gate"]["refusals"]]
    except (KeyError, TypeError) as error:
        raise models.InputError(
            f"report: not one of `models compare`: {error}", code="invalid_report"
        ) from error
    if compared != (before, after):
        return [
            f"the report compares {compared[0]} with {compared[1]}, and {after} is to follow {before}",
            *refusals,
        ]
    return refusals
