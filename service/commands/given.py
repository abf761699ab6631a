"""What the commands share: settings with readable errors, column maps, an open store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import sqlalchemy as sa
from pydantic import ValidationError

import models
from service.analyse import TENANT
from service.database import migrate, open_engine
from service.settings import Settings


def read_settings(**options: Any) -> Settings:
    """Settings from the environment, options that were given before them.

    Raises `InputError` "invalid_setting" naming the variable.
    """
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise models.InputError(f"LISTENWELL_{name}: {first['msg']}", code="invalid_setting") from None


@contextmanager
def store(settings: Settings) -> Iterator[sa.Engine]:
    """The database, migrated, closed at the end."""
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def column_map(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """`--map field=column` options as a map from fields to columns."""
    split = [pair.partition("=") for pair in pairs]
    for name, sign, column in split:
        if not (name and sign and column):
            raise click.BadParameter("must be FIELD=COLUMN, like text=answer or metadata.region=region")
    return {name: column for name, _, column in split}


map_option = click.option(
    "--map",
    "columns",
    multiple=True,
    callback=column_map,
    metavar="FIELD=COLUMN",
    help="Which column is which field; repeat it. metadata.NAME=COLUMN keeps any column.",
)

tenant_option = click.option(
    "--tenant", default=TENANT, show_default=True, metavar="NAME", help="Whose comments and jobs."
)
