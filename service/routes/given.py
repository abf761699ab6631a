"""What routes are given: the application's parts, and the query parameters that several share."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.types import Scope

import models
from service.analyse import Desk
from service.batching import MicroBatcher
from service.keys.access import Caller
from service.metrics import Rules
from service.model import ModelInForce
from service.problems import NO_PARAMETER
from service.promotion.following import Fault
from service.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What an application is made of once it has started."""

    settings: Settings
    engine: sa.Engine
    desk: Desk
    batcher: MicroBatcher
    model: ModelInForce
    rules: Rules
    fault: Fault | None = None
    """Why it is not yet with the model that was promoted."""


async def parts_of(request: Request) -> Parts:
    """The parts of the application that answers.

    Raises `InputError` for an address that no database can hold, or with a parameter twice: none takes several
    values, and one of them would go unheard.
    """
    if "\0" in request.url.path or b"%00" in request.scope["query_string"]:
        raise models.InputError("an address must not contain the character U+0000", code="invalid_value")
    asked = request.query_params.multi_items() if request.scope["query_string"] else []
    _refuse_unknown(request.scope, [name for name, _ in asked])
    if len(names := [name for name, _ in asked]) > len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise models.InputError(f"{ascii(twice)[1:-1][:80]}: was given more than once", code="invalid_value")
    parts: Parts = request.app.state.parts
    return parts


def _refuse_unknown(scope: Scope, names: Sequence[str]) -> None:
    """Where a call of the API names its parameters one by one, or has none; a `Query` refuses for itself."""
    route = scope.get("route")
    if not names or not isinstance(route, APIRoute) or not route.path.startswith("/v1/"):
        return
    known = list(_parameters(route.dependant))
    if any(
        isinstance(kind := one.field_info.annotation, type) and issubclass(kind, BaseModel) for one in known
    ):
        return
    for name in names:
        if name not in {one.alias for one in known}:
            raise models.InputError(f"{ascii(name)[1:-1][:80]}: {NO_PARAMETER}", code="unknown_field")


def _parameters(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.query_params
    for one in dependant.dependencies:
        yield from _parameters(one)


async def from_our_own_pages(request: Request) -> None:
    """Refuse what a web page of another site sends through its reader's browser (`cross_site`).

    A browser on a machine without keys, or one whose reader has signed in, is all that another site would
    need. Programs other than browsers send no such header.
    """
    site = request.headers.get("sec-fetch-site", "none")
    if request.method not in ("GET", "HEAD") and site not in ("none", "same-origin"):
        raise models.InputError("a page of another site may not change anything here", code="cross_site")


class Query(BaseModel):
    """Query parameters: an empty one is one not given, an unknown one is refused by name."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        return (
            {name: value for name, value in values.items() if value != ""}
            if isinstance(values, dict)
            else values
        )


class Range(Query):
    """From which day to before which."""

    from_: str | None = Field(None, alias="from", description="First day, like 2026-10-01 (UTC).")
    to: str | None = Field(None, description="The day after the last one.")

    def days(self) -> tuple[date | None, date | None]:
        """The range. Raises as `days` does."""
        return days(self.from_, self.to)


async def caller_of(request: Request) -> Caller:
    """Who is asking; the doorkeeper let them in."""
    caller: Caller = request.state.caller
    return caller


Given = Annotated[Parts, Depends(parts_of)]
Who = Annotated[Caller, Depends(caller_of)]


def day(name: str, value: str | None) -> date | None:
    """A day from a query. Raises `InputError` "invalid_value" for anything but YYYY-MM-DD."""
    if value is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise models.InputError(f"{name}: must be a date like 2026-11-20", code="invalid_value")


def days(from_: str | None, to: str | None, *, dashes: str = "") -> tuple[date | None, date | None]:
    """From which day to before which; commands write dashes before the names.

    Raises `InputError` "invalid_value" for what is no day, and for an end that lies before its start.
    """
    start, end = day(f"{dashes}from", from_), day(f"{dashes}to", to)
    if start and end and end < start:
        raise models.InputError(f"{dashes}to: {end} is before {dashes}from, {start}", code="invalid_value")
    return start, end


def label(name: str, value: str | None, taxonomy: models.Taxonomy) -> str | None:
    """An issue, strength or category id from a query. Raises `InputError` "invalid_value" if there is none such."""
    if value is None:
        return None
    if taxonomy.kinds.get(value) != name:
        raise models.InputError(f"{name}: no {name} of the taxonomy has this id", code="invalid_value")
    return value
