"""Setting a challenger to read, and stopping it: checked before, recorded with who did it.

start(engine, settings, "runs/mine", actor="anna")
stop(engine)
"""

from pathlib import Path

import sqlalchemy as sa

import models
from service.database import read, write
from service.model import model_in_force
from service.promotion import repository as registry
from service.promotion.choice import Choice, choice
from service.promotion.promoting import folder_named
from service.review import dispute_repository
from service.settings import Settings
from service.shadow import repository


def start(engine: sa.Engine, settings: Settings, given: str, *, actor: str, tenant: str | None = None) -> str:
    """Let a folder, a registered version or "default" read beside the model in force; its version.

    Raises `ArtifactError` for a model that is missing, altered or cannot be loaded, `TaxonomyError` for one that says
    other things, and `InputError` "unknown_model" or "already_in_force".
    """
    with read(engine) as conn:
        name = folder_named(conn, given)
    before, after = choice(engine, settings).about(), model_in_force(name)
    if given not in (name, after.version) and not Path(given).is_dir():
        raise models.ArtifactError(f"model {name}: is {after.version} now, and not {given}")
    if after.version == before.version:
        raise models.InputError(f"{after.version} is in force already", code="already_in_force")
    if after.taxonomy.to_dict() != before.taxonomy.to_dict():
        raise models.TaxonomyError(
            f"model {after.version}: its taxonomy ({after.taxonomy.version}) is not the one in force "
            f"({before.taxonomy.version})"
        )
    Choice(name, after.version).load(settings)
    with write(engine) as conn:
        registry.register(conn, after.version, name, after.taxonomy.version, actor)
        repository.start(conn, after.version, tenant, actor)
        dispute_repository.withdraw(conn, "challenger")
    return after.version


def stop(engine: sa.Engine) -> bool:
    """Let none read any more, and nobody be asked about what one disputed; false if none did."""
    with write(engine) as conn:
        stopped = repository.stop(conn)
        dispute_repository.withdraw(conn, "challenger")
    return stopped
