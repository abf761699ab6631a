"""Clients that hang up, a busy model over HTTP, and how many cores there are."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import models
from models import Analysis, Comment
from service import cores
from service.app import create_app
from service.batching import MicroBatcher
from service.settings import Settings
from service.waiting import unless_gone


def asked(*messages: str) -> Request:
    """A request that brings these messages, and then nothing for good."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return {"type": left.pop(0)}

    return Request({"type": "http", "headers": [], "method": "POST", "path": "/"}, receive)


def test_work_is_cancelled_when_the_client_hangs_up() -> None:
    future: Future[int] = Future()
    with pytest.raises(models.InputError) as caught:
        asyncio.run(unless_gone(asked("http.request", "http.disconnect"), future))
    assert caught.value.code == "client_disconnected"
    assert future.cancelled()


def test_otherwise_its_result_or_error_comes() -> None:
    good: Future[int] = Future()
    bad: Future[int] = Future()
    threading.Timer(0.01, good.set_result, [7]).start()
    threading.Timer(0.01, bad.set_exception, [ValueError("no")]).start()
    assert asyncio.run(unless_gone(asked(), good)) == 7
    with pytest.raises(ValueError, match="no"):
        asyncio.run(unless_gone(asked(), bad))


def test_a_busy_model_is_a_503_that_says_when_to_come_again(
    tmp_path: Path, pipeline: models.Pipeline
) -> None:
    free, taken = threading.Event(), threading.Event()

    def tagger(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        taken.set()
        assert free.wait(20)
        return pipeline.analyze(comments, all_labels=all_labels)

    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}", workers=64)
    app = create_app(settings, tagger)
    with TestClient(app) as client:
        batcher: MicroBatcher = app.state.parts.batcher
        waiting = [batcher.submit([Comment("first")])]
        assert taken.wait(20)
        waiting += [batcher.submit([Comment("The app crashes.")] * 8) for _ in range(1_024)]
        for path in ("/v1/analyze", "/v1/comments"):
            answer = client.post(path, json={"comments": [{"id": "a", "text": "Too late."}]})
            assert (answer.status_code, answer.json()["code"]) == (503, "model_busy")
            assert int(answer.headers["retry-after"]) >= 1
        free.set()
        assert all(future.result(20) for future in waiting)
        assert client.post("/v1/analyze", json={"comments": [{"text": "Now."}]}).status_code == 200


def test_cores_are_those_of_the_process_or_of_its_container(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    bound = cores.cores(quota)
    assert bound >= 1
    for text, most in (("max 100000", bound), ("150000 100000", 2), ("50000 100000", 1), ("nonsense", bound)):
        quota.write_text(text)
        assert cores.cores(quota) == min(bound, most)


def test_processes_and_lanes_use_each_core_once() -> None:
    assert cores.workers(Settings()) * cores.lanes(Settings()) <= cores.cores()
    assert cores.workers(Settings(workers=3)) == 3
    assert cores.lanes(Settings(workers=1)) == cores.cores()
    assert cores.lanes(Settings(workers=999)) == 1
