"""What the workshop takes from production: the model in force, and people's corrections as labelled comments.

Training asks for it by the entry point `listenwell.production`, so that it imports nothing of the service.
"""

import json
import logging
from pathlib import Path

import models
from models.loading import DEFAULT
from service.database import migrate, open_engine, read
from service.labels import jsonl
from service.labels.rows import LeftOut, rows
from service.promotion.choice import SHIPPED, choice
from service.review.audit_repository import texts_drawn
from service.settings import Settings

log = logging.getLogger("listenwell.labels")


def corrections(tenant: str, file: Path, audited: Path) -> Path:
    """Write the corrections of a tenant to a file, and return the folder of the model in force.

    Comments drawn for the audit stay out, for they measure: id and text of each go into a file of theirs. Erased ones
    are gone. Raises `InputError` "nothing_to_train" where nobody corrected anything, and where the model in force has
    no weights.
    """
    settings = Settings()
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        chosen = choice(engine, settings)
        folder = DEFAULT if chosen.name == SHIPPED else Path(chosen.name)
        if not folder.is_dir():
            raise models.InputError(f"model {chosen.name}: it has no weights", code="nothing_to_train")
        taxonomy = chosen.about().taxonomy
        left_out = LeftOut()
        count = jsonl.write(file, rows(engine, tenant, taxonomy, left_out=left_out), taxonomy)
        with read(engine) as conn, audited.open("w", encoding="utf-8") as out:
            for id, text in texts_drawn(conn, tenant):
                out.write(json.dumps({"id": id, "text": text}) + "\n")
        for line in left_out.told():
            log.warning("%s", line)
    finally:
        engine.dispose()
    if not count:
        raise models.InputError(f"tenant {tenant}: nobody corrected a comment", code="nothing_to_train")
    return folder
