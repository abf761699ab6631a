"""Errors on their way out: RFC 9457 `application/problem+json`, or a plain page for a person with a browser.

One handler for our own errors, one each for the framework's, and a last one that tells nothing of what went
wrong inside (that is for the log).
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

import models
from service import request_id
from service.batching import ModelBusyError
from service.database import AWAY
from service.headers import SAFE
from service.render import render

MEDIA_TYPE = "application/problem+json"
_STATUS = {
    "invalid_encoding": 400,
    "invalid_json": 400,
    "client_disconnected": 400,
    "unauthorized": 401,
    "cross_site": 403,
    "forbidden": 403,
    "insecure_address": 403,
    "not_found": 404,
    "unknown_comment": 404,
    "unknown_job": 404,
    "unknown_touchpoint": 404,
    "idempotency_conflict": 409,
    "job_active": 409,
    "not_analyzed": 409,
    "already_answered": 409,
    "not_in_stream": 409,
    "erased": 410,
    "rejects_gone": 410,
    "changed_meanwhile": 412,
    "body_too_large": 413,
    "too_many_comments": 413,
    "rate_limited": 429,
    "missing_extra": 501,
    "database_unavailable": 503,
    "model_busy": 503,
    "report_busy": 503,
    "storage_full": 507,
}
_RETRY = frozenset({429, 503})
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOTHING_HERE = "there is nothing at this address"
_CODES = {404: "not_found", 405: "method_not_allowed", 500: "internal_error"}
_DETAILS = {404: NOTHING_HERE, 405: "this address does not take this method"}
NO_PARAMETER = "is not a parameter of this call"
_PARAMETERS = {
    "missing": ("missing_field", "is needed"),
    "extra_forbidden": ("unknown_field", NO_PARAMETER),
}

log = logging.getLogger("listenwell")


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    type: str = Field("about:blank", description="What kind of problem; `code` says it more precisely.")
    title: str = Field(description="The phrase of the HTTP status.")
    status: int
    code: str = Field(description="Stable, for programs.")
    detail: str = Field(description="For people; names the field, the limit or the item.")
    instance: str = Field(description="The path that was asked for.")


def install(app: FastAPI) -> None:
    """Give an application its error handlers."""
    app.add_exception_handler(models.ListenwellError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    for away in AWAY:
        app.add_exception_handler(away, _database)
    app.add_exception_handler(Exception, _unexpected)


def problem(request: Request, status: int, code: str, detail: str, *, retry_after: int = 1) -> Response:
    """One problem as a response: JSON, or a page where the path is one for people."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        instance=request.url.path,
    )
    headers = {"Retry-After": str(retry_after)} if status in _RETRY else {}
    if status == 401:
        headers["WWW-Authenticate"] = _challenge(request)
    if id := request_id.current():
        # The answer to an unexpected error is made outside the middleware that adds this otherwise.
        headers[request_id.HEADER] = id
    if for_people(request):
        return render("problem.html", status=status, headers=headers, problem=body)
    # What went wrong unexpectedly is answered outside of the middleware that adds these.
    headers |= SAFE
    return JSONResponse(body.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)


async def answer(request: Request, error: Exception) -> Response:
    """The response to one of our errors or the database's, for what stands before the routes."""
    return await (_ours if isinstance(error, models.ListenwellError) else _database)(request, error)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def for_people(request: Request) -> bool:
    """Whether a person with a browser asks for a page."""
    return not request.url.path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


def _challenge(request: Request) -> str:
    """RFC 6750: a key is asked for, and whether the one that was given is at fault."""
    given = "authorization" in request.headers
    return 'Bearer realm="listenwell"' + (', error="invalid_token"' if given else "")


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, models.ListenwellError)
    told = isinstance(error, models.InputError | models.CommentError)
    status = _STATUS.get(error.code, 422 if told else 500)
    if status >= 500:
        log.error("%s %s: %s [%s]", request.method, request.url.path, error.detail, error.code)
    retry_after = error.retry_after if isinstance(error, ModelBusyError) else 1
    return problem(request, status, error.code, error.detail, retry_after=retry_after)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = _CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    detail = _DETAILS.get(status, str(error.detail))
    response = problem(request, status, code, detail)
    response.headers.update(error.headers or {})
    if status == 405:
        # The framework names the methods of one route, and an address may have several.
        response.headers["Allow"] = ", ".join(method for method in _METHODS if _is_taken(request, method))
    return response


def _is_taken(request: Request, method: str) -> bool:
    # Where there is GET, HEAD is answered as well (`service.straight.Heads`).
    asked = {**request.scope, "method": "GET" if method == "HEAD" else method}
    return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ascii(".".join(str(part) for part in first["loc"][1:]))[1:-1][:80]
    code, detail = _PARAMETERS.get(first["type"], ("invalid_value", first["msg"]))
    return problem(request, 422, code, f"{name}: {detail}")


async def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, AWAY)
    cause = getattr(error, "orig", None) or error
    log.error("%s %s: database: %s", request.method, request.url.path, cause)
    return problem(request, 503, "database_unavailable", "the database cannot be reached or is busy")


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return problem(request, 500, "internal_error", "something went wrong on our side")
