"""Which model tags: the setting's, else the one promoted in the store, else the shipped one.

    chosen = choice(engine, settings)
    pipeline = chosen.load(settings)      # another version than the one promoted is refused

Whoever sets LISTENWELL_MODEL pins a process: no promotion changes what it answers with.
"""

from dataclasses import dataclass, field

import sqlalchemy as sa

import models
from service.database import read
from service.model import ModelInForce, model_in_force
from service.promotion import repository
from service.promotion.repository import Promotion
from service.settings import Settings

SHIPPED = "default"
NAMED = (SHIPPED, "weightless")
"""Models that need no folder."""


@dataclass(frozen=True)
class Choice:
    """A model by name or folder. `version` is what it must turn out to be; None where the name alone decides.

    `promotion` is the key of the promotion that chose it, 0 where none did.
    """

    name: str
    version: str | None = None
    promotion: int = field(default=0, compare=False)

    def about(self) -> ModelInForce:
        """What is known of it without its weights. Raises `ArtifactError` if it is unsound or another version."""
        found = model_in_force(self.name)
        self._check(found.version)
        return found

    def load(self, settings: Settings) -> models.Pipeline:
        """Load it, and let it read a comment: what is loaded lazily should not be loaded for a client.

        Raises `ArtifactError` if it is unsound or another version, `MissingExtraError` for a runtime.
        """
        pipeline = models.load(
            self.name, runtime=settings.runtime, threads=settings.threads, compiled=settings.compiled_folder
        )
        self._check(pipeline.version)
        pipeline.analyze([models.Comment("Ready to read.")])
        return pipeline

    def _check(self, version: str) -> None:
        if self.version not in (None, version):
            raise models.ArtifactError(
                f"model {self.name}: is {version} now, and {self.version} was promoted"
            )


def choice(engine: sa.Engine, settings: Settings) -> Choice:
    """The model that should tag from now on."""
    if settings.model is not None:
        return Choice(settings.model)
    with read(engine) as conn:
        return of_promotion(repository.current(conn))


def of_promotion(promotion: Promotion | None) -> Choice:
    """What a promotion put in force; the shipped model is the one of the software that runs."""
    if promotion is None:
        return Choice(SHIPPED)
    shipped = promotion.folder == SHIPPED
    return Choice(promotion.folder, None if shipped else promotion.version, promotion.key)


def pinned(engine: sa.Engine, settings: Settings) -> tuple[Settings, models.Pipeline]:
    """The model in force, loaded, and settings that stay with it: a command's run is of one version."""
    chosen = choice(engine, settings)
    return settings.model_copy(update={"model": chosen.name}), chosen.load(settings)
