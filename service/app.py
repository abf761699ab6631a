"""The application: `create_app` wires the rooms of the house and does nothing else.

    uvicorn --factory service.app:create_app

`listenwell serve` runs it in several processes (`service/answering.py`), BentoML in its own (`service/bento.py`).
"""

import tomllib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import Depends, FastAPI

import models
from service import logs, openapi, problems, tracing
from service.analyse import Desk, Tagger
from service.batching import MicroBatcher
from service.cores import lanes
from service.database import migrate, open_engine
from service.headers import SafeHeaders
from service.instruments import Instruments
from service.keys.doorkeeper import Doorkeeper
from service.metrics import Rules
from service.model import ModelInForce
from service.promotion.choice import Choice, choice
from service.promotion.following import Fault, Follower
from service.request_id import RequestIds
from service.routes import (
    about,
    alerts,
    analyze,
    comments,
    corrections,
    docs,
    drift,
    emerging,
    evidence_page,
    exports,
    health,
    jobs,
    page,
    report,
    review,
    review_page,
    segments,
    shadow,
    sign_in,
    story_page,
    touchpoints,
)
from service.routes.given import Parts, from_our_own_pages
from service.settings import Settings
from service.shadow.reading import Shadow
from service.straight import Heads, Straight
from service.tracing import Traces

DESCRIPTION = "Reads open-ended customer feedback and gives true metrics for every touchpoint."


def create_app(settings: Settings | None = None, tagger: Tagger | None = None) -> FastAPI:
    """An application that is ready to be served; settings come from the environment if none are given.

    It opens its database, migrates it and, unless a `tagger` is given, loads the model in force when it starts, and
    any that is promoted later.
    """
    app = FastAPI(
        title="Listenwell",
        version=_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # Its own would put addresses into spans, as soon as anything in the process collects spans at all.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lambda app: _life(app, settings or Settings(), tagger),
    )
    for part in (
        analyze,
        corrections,
        comments,
        review,
        jobs,
        touchpoints,
        segments,
        alerts,
        exports,
        emerging,
        drift,
        shadow,
        about,
        sign_in,
    ):
        app.include_router(part.router, dependencies=[Depends(from_our_own_pages)])
    for part in (health, page, report, story_page, evidence_page, review_page, docs):
        app.include_router(part.router)
    app.include_router(emerging.page)
    app.include_router(drift.pages)
    # The last one added sees a request first.
    app.add_middleware(Heads)
    app.add_middleware(Straight)
    app.add_middleware(Doorkeeper)
    app.add_middleware(Instruments)
    app.add_middleware(Traces)
    app.add_middleware(RequestIds)
    app.add_middleware(SafeHeaders)
    problems.install(app)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


def _life(app: FastAPI, settings: Settings, tagger: Tagger | None) -> AbstractAsyncContextManager[None]:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        logs.configure(settings)
        with ExitStack() as held:
            engine = open_engine(settings.database_url)
            held.callback(engine.dispose)
            migrate(engine)
            chosen = choice(engine, settings)
            along = Shadow(engine, settings)
            batcher = MicroBatcher(tagger or chosen.load(settings).analyze, lanes=lanes(settings))
            held.callback(batcher.close)
            model = chosen.about()
            app.state.parts = Parts(
                settings=settings,
                engine=engine,
                desk=Desk(engine, batcher, settings, stored=along.offer),
                batcher=batcher,
                model=model,
                rules=_rules(settings, model),
            )
            held.enter_context(tracing.on())
            if tagger is None:
                held.enter_context(along.running())
            if tagger is None and settings.model is None:
                held.enter_context(_follower(app, chosen).running())
            yield

    return life()


def _follower(app: FastAPI, chosen: Choice) -> Follower:
    parts: Parts = app.state.parts

    def take(found: Choice, pipeline: models.Pipeline) -> None:
        model = found.about()
        parts.batcher.switch(pipeline.analyze)
        # A request keeps the parts that it began with.
        app.state.parts = replace(parts, model=model, rules=_rules(parts.settings, model), fault=None)

    def refused(fault: Fault | None) -> None:
        app.state.parts = replace(app.state.parts, fault=fault)

    return Follower(parts.engine, parts.settings, chosen, take, refused)


def _rules(settings: Settings, model: ModelInForce) -> Rules:
    return Rules.of(settings, model.taxonomy, model.version, model.calibration.errors)


def _version() -> str:
    try:
        return version("listenwell")
    except PackageNotFoundError:
        # A bento holds the tree, and no installed package.
        project = tomllib.loads(Path(__file__).parent.with_name("pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])
