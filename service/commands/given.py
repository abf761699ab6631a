"""What the commands share: settings with readable errors, column maps, an open store."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

import click
import sqlalchemy as sa
from pydantic import ValidationError

import models
from service.analyse import TENANT
from service.database import AWAY, migrate, open_engine
from service.keys.key import checked_tenant
from service.remote import delivered, is_url
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
    """The database, migrated, closed at the end.

    Raises `InputError` (`database_unavailable`) if it goes away meanwhile.
    """
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        yield engine
    except AWAY as error:
        cause = getattr(error, "orig", None) or error
        raise models.InputError(f"database: {cause}", code="database_unavailable") from error
    finally:
        engine.dispose()


def output_stream(name: str) -> AbstractContextManager[IO[Any]]:
    """Where a command writes bytes: a path or URL, which gets all of it or nothing, or - for standard output."""
    return delivered(name) if is_url(name) else click.open_file(name, "wb", atomic=name != "-")


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
    "--tenant",
    default=TENANT,
    show_default=True,
    metavar="NAME",
    callback=lambda _, __, name: name and checked_tenant(name),
    help="Whose comments.",
)
