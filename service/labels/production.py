"""What the workshop takes from production: the model in force, and people's corrections as labelled comments.

Training asks for it by the entry point `listenwell.production`, so that it imports nothing of the service.
"""

from pathlib import Path

import models
from models.loading import DEFAULT
from service.database import migrate, open_engine
from service.labels import jsonl
from service.labels.rows import rows
from service.promotion.choice import SHIPPED, choice
from service.settings import Settings


def corrections(tenant: str, file: Path) -> Path:
    """Write the corrections of a tenant to a file, and return the folder of the model in force.

    Comments drawn for the audit stay out: they measure. Erased ones are gone. Raises `InputError`
    "nothing_to_train" where nobody corrected anything, and where the model in force has no weights.
    """
    settings = Settings()
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        chosen = choice(engine, settings)
        folder = DEFAULT if chosen.name == SHIPPED else Path(chosen.name)
        if not folder.is_dir():
            raise models.InputError(f"model {chosen.name}: it has no weights", code="nothing_to_train")
        count = jsonl.write(file, rows(engine, tenant, chosen.about().taxonomy), chosen.about().taxonomy)
    finally:
        engine.dispose()
    if not count:
        raise models.InputError(f"tenant {tenant}: nobody corrected a comment", code="nothing_to_train")
    return folder
