"""`/v1/jobs`: files of comments, taken in at once and worked on in the background."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

import models
from service.database import read, write
from service.idempotency.once import key_header
from service.jobs import leases, rejects, repository, storage, upload, worker
from service.jobs.answers import JobErrors, JobOut, JobPage, job_json
from service.jobs.asked import NAMES, ending_of, options_of
from service.jobs.records import Job, NewJob
from service.jobs.unchanged import upload_digest
from service.keys.access import Caller
from service.openapi import JOB_BODY, JOB_OPTIONS, LINES
from service.privacy.repository import buried
from service.problems import documented
from service.routes import given

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
MAX_LIMIT = 200
_CHUNK = 500
_JSONL = "application/x-ndjson"
_Key = Annotated[
    str | None,
    key_header(
        "Any text of the client's choice, one for each file: sent again with the same file and options, "
        "for as long as the job is kept, the request gets that job; with others it is refused."
    ),
]


def _option(name: str) -> Any:
    # What is wrong with one is told by `asked`, for forms and queries alike; here it is only documented.
    option = dict(JOB_OPTIONS[name])
    return Field(None, description=option.pop("description"), json_schema_extra=option)


class Asked(given.Query):
    """How the rows become comments; a form may give these as fields instead."""

    format: str | None = _option("format")
    columns: str | None = _option("columns")
    touchpoint: str | None = _option("touchpoint")
    ids: str | None = _option("ids")
    sha256: str | None = _option("sha256")


class PageOf(given.Query):
    """Which page."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


@router.post(
    "",
    status_code=202,
    response_model=JobOut,
    responses=documented(400, 403, 409, 413, 422, 503, 507),
    openapi_extra=JOB_BODY,
    summary="Give a file of comments",
)
async def create_job(
    request: Request,
    parts: given.Given,
    who: given.Who,
    asked: Annotated[Asked, Query()],
    idempotency_key: _Key = None,
) -> JSONResponse:
    """The file is the body, or the part `file` of a form. It is on the disk when this answers; `Location` says
    where to look how far it is. The same `Idempotency-Key` with the same file is the same job."""
    id = secrets.token_hex(16)
    settings = parts.settings
    try:
        with storage.Incoming(storage.folder_of(settings), id, settings.max_upload_bytes) as file:
            received = await upload.receive(request, file)
            new = await run_in_threadpool(_new, request, who, received, asked, file, idempotency_key)
    except OSError as error:
        raise upload.full(error) from error
    return await run_in_threadpool(_create, parts, new)


def _new(
    request: Request,
    who: Caller,
    received: upload.Received,
    asked: Asked,
    file: storage.Incoming,
    key: str | None,
) -> NewJob:
    wanted = {name: value for name in NAMES if (value := getattr(asked, name)) is not None} | received.fields
    options = options_of(wanted)
    if wanted.get("sha256", file.digest) != file.digest:
        raise models.InputError("sha256: the file arrived otherwise than it was sent", code="digest_mismatch")
    encoding = request.headers.get("content-encoding", "")
    ending = ending_of(wanted.get("format"), received.name, received.content_type, encoding)
    return NewJob(
        id=file.id,
        tenant=who.tenant,
        kind="upload",
        name=_shown(received.name) or f"file.{ending}",
        source=file.keep(ending),
        options=options.to_dict(),
        digest=upload_digest(file.digest, ending, options.to_dict()),
        idempotency_key=key,
        key_id=who.meter.key_id,
    )


def _create(parts: given.Parts, new: NewJob) -> JSONResponse:
    with write(parts.engine) as conn:
        job = repository.create(conn, new)
    headers = {"Location": f"/v1/jobs/{job.id}"}
    if job.id != new.id:
        storage.remove(storage.folder_of(parts.settings), new.source)
        if job.digest != new.digest:
            raise models.InputError(
                "Idempotency-Key: was used before for another file or other options",
                code="idempotency_conflict",
            )
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(job_json(job, parts.settings.keep_jobs_days), status_code=202, headers=headers)


@router.get("", response_model=JobPage, responses=documented(422, 503), summary="Jobs, newest first")
def list_jobs(parts: given.Given, who: given.Who, wanted: Annotated[PageOf, Query()]) -> JSONResponse:
    """Page by page: `next_cursor` is null on the last one."""
    with read(parts.engine) as conn:
        page = repository.page(conn, who.tenant, wanted.limit, wanted.cursor)
    jobs = [job_json(job, parts.settings.keep_jobs_days) for job in page.jobs]
    return JSONResponse({"jobs": jobs, "next_cursor": page.next_cursor})


@router.get("/{id}", response_model=JobOut, responses=documented(404, 503), summary="How far a job is")
def get_job(parts: given.Given, who: given.Who, id: str) -> JSONResponse:
    """State, counts, position, and when it may be done."""
    return JSONResponse(job_json(_find(parts, who.tenant, id), parts.settings.keep_jobs_days))


@router.get(
    "/{id}/errors",
    response_model=JobErrors,
    responses=documented(404, 422, 503) | LINES,
    summary="Rows that could not be stored",
)
def get_errors(
    request: Request, parts: given.Given, who: given.Who, id: str, wanted: Annotated[PageOf, Query()]
) -> Response:
    """Page by page; all of them as JSON lines with `Accept: application/x-ndjson`."""
    job, after = _find(parts, who.tenant, id), _place(wanted.cursor)
    if _JSONL in request.headers.get("accept", ""):
        return _lines(lambda last: _errors(parts, job, _CHUNK, last))
    found = _errors(parts, job, wanted.limit + 1, after)
    errors = found[: wanted.limit]
    last = str(errors[-1]["index"]) if len(found) > wanted.limit else None
    return JSONResponse({"errors": errors, "next_cursor": last})


@router.get(
    "/{id}/results",
    response_class=StreamingResponse,
    responses=documented(404, 503) | LINES,
    summary="The analyses, as often as you like",
)
def get_results(parts: given.Given, who: given.Who, id: str) -> StreamingResponse:
    """JSON lines in the order of the rows, as the comments are stored now; erased ones are not among them.
    While the job runs, those that are done."""
    job = _find(parts, who.tenant, id)

    def chunk(after: int) -> list[dict[str, Any]]:
        with read(parts.engine) as conn:
            return repository.results(conn, job.key, _CHUNK, after)

    return _lines(chunk)


@router.get(
    "/{id}/rejects",
    response_class=StreamingResponse,
    responses=documented(404, 409, 410, 503) | LINES,
    summary="The rows that were rejected, to be corrected and sent again",
)
def get_rejects(parts: given.Given, who: given.Who, id: str) -> StreamingResponse:
    """JSON lines with the API's names; `rejected` says why and may stay when they are sent again as a job. There
    from the end of a job until its `rejects_until`, which is null where no row was rejected."""
    job = _find(parts, who.tenant, id)
    return StreamingResponse(rejects.fetch(parts.engine, job, parts.settings), media_type=_JSONL)


@router.delete(
    "/{id}",
    response_model=JobOut,
    responses={**documented(403, 404, 503), 204: {"description": "It had ended and is removed"}},
    summary="Cancel a job, or remove an ended one",
)
def delete_job(parts: given.Given, who: given.Who, id: str) -> Response:
    """An active job is cancelled: what it stored stays. An ended one is removed with its lists, not its comments."""
    with write(parts.engine) as conn:
        cancelled = leases.cancel(conn, who.tenant, id)
    job = _find(parts, who.tenant, id)
    storage.remove_all(storage.folder_of(parts.settings), job.source, job.id)
    if cancelled:
        return JSONResponse(job_json(job, parts.settings.keep_jobs_days))
    worker.remove(parts.engine, job.key)
    return Response(status_code=204)


def _find(parts: given.Parts, tenant: str, id: str) -> Job:
    with read(parts.engine) as conn:
        job = repository.get(conn, tenant, id)
    if job is None:
        raise models.InputError("no job has this id", code="unknown_job")
    return job


def _errors(parts: given.Parts, job: Job, limit: int, after: int) -> list[dict[str, Any]]:
    with read(parts.engine) as conn:
        found = repository.errors(conn, job.key, limit, after)
        ids = [item.comment_id for item in found if item.comment_id]
        erased = buried(conn, job.tenant, job.created_at, "comment", ids)
    return [(replace(item, comment_id=None) if item.comment_id in erased else item).error() for item in found]


def _lines(chunk: Callable[[int], list[dict[str, Any]]]) -> StreamingResponse:
    """All rows as JSON lines; each chunk is read by itself, so that a slow reader holds no transaction."""

    def stream() -> Iterator[bytes]:
        after = -1
        while rows := chunk(after):
            yield b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
            after = rows[-1]["index"]

    return StreamingResponse(stream(), media_type=_JSONL)


def _place(cursor: str | None) -> int:
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 18):
        raise models.InputError("cursor: not one that this service gave", code="invalid_cursor")
    return int(cursor)


def _shown(name: str | None) -> str:
    """A file's name for people: no folders, plain ASCII, not too long."""
    return ascii((name or "").replace("\\", "/").rpartition("/")[2])[1:-1][:120]
