"""The service under BentoML: API processes with the application, one encoder process behind them.

    bentoml serve            in the root of the tree; bentofile.yaml names this module
    bentoml build

A bento runs in a folder of its own: give it LISTENWELL_DATABASE_URL, or its SQLite file lies in there.

The encoder gathers the comments of several requests into one batch (adaptive batching). This module is an entry
point, so it reads the settings from the environment when it is imported; nothing imports it but BentoML.
"""

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import bentoml
import httpx
import sqlalchemy as sa
from bentoml.exceptions import BentoMLException
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Mount

import models
from service import logs
from service.app import create_app
from service.bento_doors import Front, Inside, agree, introduce
from service.database import AWAY, read
from service.settings import Settings

SETTINGS = Settings()
# The first process to come here is the one that starts the others.
agree()
_BATCH = 32
# A deadline and not a wait: requests that have waited longer are refused, so it is far above the slowest batch.
_DEADLINE_MS = 60_000
_SECONDS = 120
"""How long the largest batch of long comments may take."""
_WAITING = 256
"""Requests that may wait for the encoder before the next one is told to come again."""


@bentoml.service(
    name="encoder",
    workers=1,
    traffic={"timeout": _SECONDS, "max_concurrency": _WAITING},
    metrics={"enabled": False},
)
class Encoder:
    """The model, in one process."""

    def __init__(self) -> None:
        logs.configure(SETTINGS)
        self.pipeline = models.load(SETTINGS.model, runtime=SETTINGS.runtime, threads=SETTINGS.threads)
        # The first comment loads what is loaded lazily; that should not be a client's.
        self.pipeline.analyze([models.Comment("Ready to read.")])

    @bentoml.api(batchable=True, max_batch_size=_BATCH, max_latency_ms=_DEADLINE_MS)  # type: ignore[untyped-decorator]
    def encode(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Analyse comments given as the fields of `Comment`, with `all_labels` beside them."""
        answers: dict[int, dict[str, Any]] = {}
        for all_labels in (False, True):
            places = [place for place, one in enumerate(requests) if one["all_labels"] is all_labels]
            comments = [_comment(requests[place]) for place in places]
            if comments:
                analyses = self.pipeline.analyze(comments, all_labels=all_labels)
                answers.update(zip(places, (one.to_dict() for one in analyses), strict=True))
        return [answers[place] for place in range(len(requests))]


class RemoteTagger:
    """`Pipeline.analyze` at a distance: gives the encoder service what the desk asks for."""

    encoder: Encoder

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """Raises `ListenwellError` "model_busy" or "model_timeout" where the encoder cannot answer now."""
        requests = [
            {
                "text": c.text,
                "question": c.question,
                "language": c.language,
                "id": c.id,
                "all_labels": all_labels,
            }
            for c in comments
        ]
        # One batch at a time: a single comment of another client need not wait for five hundred of this one.
        chunks = (requests[start : start + _BATCH] for start in range(0, len(requests), _BATCH))
        return [_analyses().validate_python(answer) for chunk in chunks for answer in self._ask(chunk)]

    def _ask(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            answers: list[dict[str, Any]] = self.encoder.encode(requests)
            return answers
        except httpx.TimeoutException as error:
            raise _too_slow() from error
        except httpx.TransportError as error:
            raise _busy() from error
        except BentoMLException as error:
            if error.error_code == HTTPStatus.GATEWAY_TIMEOUT:
                raise _too_slow() from error
            if error.error_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
                raise _busy() from error
            raise


tagger = RemoteTagger()
app = create_app(SETTINGS, tagger)
# Behind one mount, so that the application and not BentoML answers for paths that do not exist.
door = Starlette(routes=[Mount("/", app)], lifespan=lambda _: app.router.lifespan_context(app))  # type: ignore[arg-type]


@bentoml.service(
    name="listenwell",
    workers=SETTINGS.workers,
    # The encoder's deadline comes first: its answer is one of our problems, this one would not be.
    traffic={"timeout": 2 * _SECONDS},
    metrics={"enabled": False},
)
@bentoml.asgi_app(door, path="/")
class Listenwell:
    """The application. No call of BentoML's own is exposed beside it."""

    encoder = bentoml.depends(Encoder)

    def __init__(self) -> None:
        introduce(self.encoder)
        tagger.encoder = self.encoder

    def __is_ready__(self) -> bool:
        """Asked by /readyz, beside the encoder."""
        try:
            with read(app.state.parts.engine) as conn:
                conn.execute(sa.text("SELECT 1"))
        except AWAY:
            return False
        return True


Encoder.add_asgi_middleware(Inside)  # type: ignore[attr-defined]
Listenwell.add_asgi_middleware(Front, ours=app)  # type: ignore[attr-defined]


def _comment(fields: dict[str, Any]) -> models.Comment:
    return models.Comment(**{name: value for name, value in fields.items() if name != "all_labels"})


@cache
def _analyses() -> TypeAdapter[models.Analysis]:
    return TypeAdapter(models.Analysis)


def _busy() -> models.ListenwellError:
    return models.ListenwellError("the model is busy or starting, try again", code="model_busy")


def _too_slow() -> models.ListenwellError:
    return models.ListenwellError("the model took too long", code="model_timeout")
