"""A job that a command works on itself, such as a back-fill: made or found again, worked on, given back.

The same command on the same file finds the job that did not end, and goes on where it stands.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path

import sqlalchemy as sa

import models
from service.database import read, write
from service.files import printable
from service.jobs import leases
from service.jobs import repository as jobs
from service.jobs.records import Job, Kind, LeaseLost, NewJob, Options
from service.settings import Settings


def backfill_job(path: str, source: str, tenant: str, options: Options) -> NewJob:
    """The job of a file on this machine, known as `source`. Raises `InputError` ("unreadable_file")."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise models.InputError(
            f"{printable(file.name)}: {error.strerror}", code="unreadable_file"
        ) from error
    return _new(tenant, "backfill", printable(file.name), printable(source), options.to_dict(), content)


def rescore_job(tenant: str, version: str, total: int) -> NewJob:
    """The job of bringing a tenant's comments to a model."""
    return _new(tenant, "rescore", f"to {version}", version, {}, version, total)


@contextmanager
def held(engine: sa.Engine, new: NewJob, owner: str, settings: Settings) -> Iterator[Job]:
    """The job, held by `owner`; given back if the block is left before the job has ended, by Ctrl-C too.

    Raises `InputError` ("job_running") if another process works on it.
    """
    job = _hold(engine, new, owner, settings.lease_seconds)
    try:
        yield job
    finally:
        with write(engine) as conn:
            try:
                leases.hold(conn, job.key, owner, settings.lease_seconds)
                leases.release(conn, job.key)
            except LeaseLost:
                pass  # it has ended


def _hold(engine: sa.Engine, new: NewJob, owner: str, seconds: float) -> Job:
    with write(engine) as conn:
        job = jobs.find_active(conn, new.tenant, new.kind, new.digest) or jobs.create(conn, new)
        # Whoever was killed here a moment ago still has a lease, and will not need it.
        if not leases.claim_one(conn, job.key, owner, seconds, by_force=_is_dead(job.owner)):
            raise models.InputError(
                f"{job.name}: another process ({job.owner}) works on it; if it was killed, try again "
                f"in {seconds:,.0f} seconds",
                code="job_running",
            )
        return jobs.by_key(conn, job.key)


def current(engine: sa.Engine, job: Job) -> Job:
    """The job as it stands now."""
    with read(engine) as conn:
        return jobs.by_key(conn, job.key)


def _new(
    tenant: str,
    kind: Kind,
    name: str,
    source: str,
    options: dict[str, object],
    content: str,
    total: int | None = None,
) -> NewJob:
    same = repr((content, sorted(options.items(), key=str)))
    return NewJob(
        id=secrets.token_hex(16),
        tenant=tenant,
        kind=kind,
        name=name,
        source=source,
        options=options,
        digest=sha256(same.encode("utf-8", "replace")).hexdigest(),
        total=total,
    )


def _is_dead(owner: str | None) -> bool:
    """Whether the process that an owner's name tells of ran on this machine and is no more."""
    host, _, rest = (owner or "").partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname()[:64] or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is somebody else's, and lives
    return False
