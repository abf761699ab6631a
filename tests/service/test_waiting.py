"""Clients that hang up, a busy model over HTTP, and how many cores there are."""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from service.keys.access import ANYBODY
from service.routes.comments import take_comments
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


def test_a_crowd_that_stores_keeps_no_reader_out(
    tmp_path: Path, pipeline: models.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, queued, submit = threading.Event(), [], MicroBatcher.submit

    def counted(self: MicroBatcher, comments: Sequence[Comment], *, all_labels: bool = False) -> Any:
        queued.append(len(comments))
        return submit(self, comments, all_labels=all_labels)

    monkeypatch.setattr(MicroBatcher, "submit", counted)

    def tagger(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        assert free.wait(20)
        return pipeline.analyze(comments, all_labels=all_labels)

    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    app = create_app(settings, tagger)
    with TestClient(app) as client, ThreadPoolExecutor(61) as crowd:

        def send(number: int) -> int:
            item = {"id": f"c{number}", "text": f"The app crashes, {number}."}
            return client.post("/v1/comments", json={"comments": [item]}).status_code

        sent = [crowd.submit(send, number) for number in range(60)]
        deadline = time.monotonic() + 10
        while len(queued) < 60 and time.monotonic() < deadline:
            time.sleep(0.01)
        reader = crowd.submit(client.get, "/v1/touchpoints")
        try:
            assert reader.result(10).status_code == 200
        finally:
            free.set()
        assert {one.result(30) for one in sent} == {200}


def test_what_nobody_waits_for_is_not_stored(tmp_path: Path, pipeline: models.Pipeline) -> None:
    free = threading.Event()

    def tagger(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        assert free.wait(20)
        return pipeline.analyze(comments, all_labels=all_labels)

    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    app = create_app(settings, tagger)
    with TestClient(app) as client:
        body = json.dumps({"comments": [{"id": "a", "text": "The app crashes."}]}).encode()
        with pytest.raises(models.InputError) as caught:
            asyncio.run(take_comments(asked("http.disconnect"), app.state.parts, ANYBODY, body))
        assert caught.value.code == "client_disconnected"
        free.set()
        assert client.get("/v1/comments/a").status_code == 404


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
