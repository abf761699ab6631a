"""The service under BentoML, for its containers and its cloud: the application and the model in each process.

    bentoml serve            in the root of the tree; bentofile.yaml names this module
    bentoml build

A bento runs in a folder of its own: give it LISTENWELL_DATABASE_URL, or its SQLite file lies in there.

This module is an entry point, so it reads the settings from the environment when it is imported; nothing imports it
but BentoML. The process that only starts the others imports it too, so the application is imported where it is made.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import bentoml
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from service.bento_doors import Front
from service.cores import workers
from service.settings import Settings

SETTINGS = Settings()


@asynccontextmanager
async def _life(door: Starlette) -> AsyncIterator[None]:
    from service.app import create_app

    app = create_app(SETTINGS)
    door.state.app = app
    async with app.router.lifespan_context(app):
        yield


door = Starlette(lifespan=_life)


async def ours(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of this process, which answers for all paths."""
    await door.state.app(scope, receive, send)


@bentoml.service(name="listenwell", workers=workers(SETTINGS), metrics={"enabled": False})
@bentoml.asgi_app(door, path="/")
class Listenwell:
    """The application. No call of BentoML's own is exposed beside it."""


Listenwell.add_asgi_middleware(Front, ours=ours)  # type: ignore[attr-defined]
