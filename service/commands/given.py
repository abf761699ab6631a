"""What the commands share: settings with readable errors, column maps, outputs, an open store."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click
import sqlalchemy as sa
from pydantic import ValidationError

import models
from service.analyse import TENANT
from service.answers import rfc3339
from service.database import AWAY, migrate, open_engine
from service.files import printable
from service.keys.key import checked_tenant
from service.remote import delivered, is_url, shown
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


def rotation_under_way(what: str, until: datetime) -> models.InputError:
    """The error where another secret would end the old one before its time, or the one in use."""
    return models.InputError(
        f"this {what}'s secret was rotated already and the old one holds until {rfc3339(until)}; rotate it again then, "
        "or with --grace 0, which ends both now",
        code="rotation_under_way",
    )


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


def keep_apart(input: str, outputs: Mapping[str, str | None]) -> None:
    """Nothing may be written where the input is read, nor two things to one place; `outputs` are by their options.

    Raises `InputError` ("unwritable_file"). What is no plain file, such as /dev/null, takes all.
    """
    taken: dict[str, Path | str] = {"the input": _place("/dev/stdin" if input == "-" else input)}
    for option, name in outputs.items():
        if name is None or name == "-":
            continue
        place = _place(name)
        for other, at in taken.items():
            if _is_same(place, at):
                raise models.InputError(
                    f"{option} {printable(shown(name))}: is the file of {other}, which would be lost; "
                    "name another one",
                    code="unwritable_file",
                )
        taken[option] = place


@contextmanager
def written(option: str, name: str) -> Iterator[IO[bytes]]:
    """The file that an option names, emptied, or - for standard output. Raises `InputError` ("unwritable_file")."""
    try:
        stream = click.open_file(name, "wb")
    except OSError as error:
        raise models.InputError(
            f"{option} {printable(name)}: cannot be written: {error.strerror}", code="unwritable_file"
        ) from error
    with stream:
        yield stream


def _place(name: str) -> Path | str:
    """A path on this machine, or a URL as it is."""
    local = name.removeprefix("file://")
    return local if is_url(local) else Path(local)


def _is_same(one: Path | str, other: Path | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if os.path.exists(one) and os.path.exists(other):
        return os.path.isfile(one) and os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def column_map(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """`--map field=column` options as a map from fields to columns."""
    split = [pair.partition("=") for pair in pairs]
    for name, sign, column in split:
        if not (name and sign and column):
            raise click.BadParameter("must be FIELD=COLUMN, like text=answer or metadata.region=region")
    names = Counter(name for name, _, _ in split)
    if twice := [name for name, number in names.items() if number > 1]:
        raise click.BadParameter(f"{twice[0]} is given twice, and a field has one column")
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
