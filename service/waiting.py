"""How the endpoints that use the model wait: without a thread where nothing blocks, and no longer than the client.

    results = await run(work, aside=len(body) > SMALL)
    analyses = await unless_gone(request, batcher.submit(comments))
    results = await storing(work)

A hop to a thread and back costs a single comment more than all else around the model, and threads that wait for
the model would be missing for everything else.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request
from starlette.concurrency import run_in_threadpool

import models

_PATIENT = 0.1
"""Seconds before anybody looks whether the client is still there: most answers are ready by then."""
SMALL = 4_096
"""Bytes of a body that is read, judged and answered at once: well under a millisecond of work."""
_STORERS = 8
_LIMITER: RunVar[CapacityLimiter] = RunVar("storers")
_T = TypeVar("_T")


async def run(work: Callable[[], _T], *, aside: bool) -> _T:
    """Do work that takes long, or may wait for a database, aside in a thread, other work here."""
    return await run_in_threadpool(work) if aside else work()


async def storing(work: Callable[[], _T]) -> _T:
    """Do work that stores in a thread of those kept for it: a crowd that stores must not keep readers out."""
    return await to_thread.run_sync(work, limiter=_storers())


def _storers() -> CapacityLimiter:
    try:
        return _LIMITER.get()
    except LookupError:
        _LIMITER.set(CapacityLimiter(_STORERS))
        return _LIMITER.get()


async def unless_gone(request: Request, future: "Future[_T]") -> _T:
    """The result of work that is queued; it is cancelled where the client closes the connection first.

    The body must have been read. Raises `InputError` "client_disconnected", and what the work raises.
    """
    answer = asyncio.wrap_future(future)
    watches: list[asyncio.Task[None]] = []

    def watch() -> None:
        watches.append(asyncio.create_task(_gone(request)))
        watches[0].add_done_callback(lambda _: answer.cancel())

    later = asyncio.get_running_loop().call_later(_PATIENT, watch)
    try:
        return await answer
    except asyncio.CancelledError:
        if any(one.done() and not one.cancelled() for one in watches):
            raise models.InputError("the client closed the connection", code="client_disconnected") from None
        answer.cancel()
        raise
    finally:
        later.cancel()
        for one in watches:
            one.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
