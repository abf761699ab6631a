"""Micro-batching in the process that answers: comments of several requests go through the model together.

    batcher = MicroBatcher(pipeline.analyze, lanes=1)
    analyses = batcher([Comment("The app crashes.")])      # waits; a `Tagger` like the pipeline itself
    future = batcher.submit(comments)                      # does not; cancel it and what still waits is dropped
    batcher.close()                                        # finishes what was accepted

A lane is a thread that takes what has queued whenever it is free: a comment that comes alone is read at once, and the
busier the service, the larger the batches. Right behind a batch of several requests a lane lingers a little, while what
it has answered goes out and those who asked ask again: else those who ask would part into two halves that wait for each
other, and each batch be half as large as it could be. Where they do not ask again, since customers send and not a few
clients in turn, waiting would only cost time, and it does not.

Two queues: requests of a few short comments go first, larger ones are cut into chunks that take turns with each other
and get every fourth batch at least; while no short one waits, many chunks go together. One comment cannot be cut, and
a very long one takes a second: while all lanes are busy with large requests, a thread beside them, which has nothing
to do otherwise, reads the short ones.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, chain
from math import ceil
from time import perf_counter, sleep

import models
from service.analyse import Tagger

MOST_WAITING = 8_192
"""Comments that may wait for one process before the next request is told to come again."""
LONGEST_WAIT = 30.0
"""Seconds that a request may be expected to wait; clients and proxies tend to give up after 60."""
_COMMENT = 100
"""What a comment weighs beside its characters."""
_SHORT = 8
"""Comments of a request that goes first, if they fit in one batch."""
_GIVE_WAY = 3
"""Batches of short requests that may go before a waiting chunk of a large one."""
_LINGER, _MOST_LINGER = 0.25, 0.75
"""How long a lane waits for the first that asks again, and for all of them, as shares of the time the batch took."""
_PROBE = 16
"""Where those who were answered do not ask again, it waits for nobody behind so many batches, and then once more."""
_STEP, _LULL = 0.001, 0.003
"""How often it looks meanwhile, and how long after the last that came it waits for another, in seconds."""
_REMEMBERED = 80_000
"""The weight of work done lately that the measured speed rests on."""
_LEAST = 2_000
"""What a batch counts for, at least: a small one takes longer than its share of a full one, above all the first."""


class ModelBusyError(models.ListenwellError):
    """More waits for the model than should; `retry_after` is in how many seconds that will be done with."""

    code = "model_busy"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the model is busy, try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Room:
    """What one batch may hold: comments, and their weight, which is their characters and `_COMMENT` for each."""

    comments: int
    weight: int

    def holds(self, comments: int, weight: int) -> bool:
        """Whether so much fits."""
        return comments <= self.comments and weight <= self.weight


NARROW = Room(32, 8_000)
"""Some 800 tokens, two passes of the encoder: a chunk of a large request does not keep single comments waiting for
long."""
WIDE = Room(256, 64_000)
"""Of chunks of large requests where nothing else waits: fuller passes, by 30 % faster than narrow ones."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A part of a request that goes through the model in one batch."""

    request: "_Request"
    start: int
    comments: Sequence[models.Comment]
    weight: int

    @property
    def large(self) -> bool:
        return self.request.large


@dataclass(eq=False, slots=True)
class _Request:
    analyses: list[models.Analysis | None]
    all_labels: bool
    tagger: Tagger
    future: "Future[list[models.Analysis]]" = field(default_factory=Future)
    chunks: deque[_Chunk] = field(default_factory=deque)
    left: int = 0
    large: bool = False

    def goes_with(self, other: "_Request") -> bool:
        """Whether one call of the tagger can read both."""
        return self.all_labels is other.all_labels and self.tagger == other.tagger


class _Queue:
    """Requests that take turns, and how much of them waits. Whoever calls it holds the lock."""

    def __init__(self) -> None:
        self._requests: deque[_Request] = deque()
        self.comments = 0
        self.weight = 0

    @property
    def requests(self) -> int:
        """How many wait; may be asked without the lock."""
        return len(self._requests)

    def add(self, request: _Request) -> None:
        self._requests.append(request)
        for chunk in request.chunks:
            self._count(chunk, 1)

    def remove(self, request: _Request) -> None:
        """What no lane has taken of it."""
        if request.chunks:
            self._requests.remove(request)
        while request.chunks:
            self._count(request.chunks.pop(), -1)

    def take(self, room: Room) -> list[_Chunk]:
        """The next chunk of each request in turn, while one batch has room for them."""
        batch: list[_Chunk] = []
        comments = weight = 0
        while self._requests:
            request = self._requests[0]
            comments, weight = comments + len(request.chunks[0].comments), weight + request.chunks[0].weight
            if batch and not (room.holds(comments, weight) and request.goes_with(batch[0].request)):
                break
            self._requests.popleft()
            batch.append(request.chunks.popleft())
            self._count(batch[-1], -1)
            if request.chunks:
                self._requests.append(request)
        return batch

    def _count(self, chunk: _Chunk, sign: int) -> None:
        self.comments += sign * len(chunk.comments)
        self.weight += sign * chunk.weight


class MicroBatcher:
    """A `Tagger` before a tagger that is better asked for many comments at once. Safe to call from any thread."""

    def __init__(
        self,
        tagger: Tagger,
        *,
        lanes: int = 1,
        most_waiting: int = MOST_WAITING,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._tagger = tagger
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._blocked = threading.Condition(self._lock)
        self._on_large = 0
        self._short = _Queue()
        self._long = _Queue()
        self._passed_over = 0
        self._no_lingering = 0
        self._closed = False
        self._speed = _Speed()
        self._lanes = lanes
        self._threads = [_thread(self._work, self._next, f"lane-{i}") for i in range(lanes)]
        self._threads.append(_thread(self._work, self._next_beside, "beside"))

    def __call__(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> list[models.Analysis]:
        """One analysis a comment, in order; raises what the tagger raises, and as `submit` does."""
        return self.submit(comments, all_labels=all_labels).result()

    def submit(
        self, comments: Sequence[models.Comment], *, all_labels: bool = False
    ) -> "Future[list[models.Analysis]]":
        """Queue comments. Cancelled, the future takes along what of them no lane has taken yet.

        Raises `ModelBusyError` if too much waits already. What finds nothing before it is always accepted.
        """
        request = _cut(comments, all_labels, self._tagger)
        if not request.chunks:
            request.future.set_result([])
            return request.future
        queue = self._long if request.large else self._short
        with self._changed:
            self._admit(len(comments), queue)
            queue.add(request)
            self._changed.notify(len(request.chunks))
            if self._on_large == self._lanes:
                self._blocked.notify()
        request.future.add_done_callback(lambda _: self._drop(request, queue))
        return request.future

    def switch(self, tagger: Tagger) -> None:
        """Another tagger reads what comes from now on; what was accepted before ends with its own.

        So no request is read by two, however many batches it takes.
        """
        self._tagger = tagger

    def close(self) -> None:
        """Accept nothing more, finish what was accepted, end the lanes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._blocked.notify_all()
        for thread in self._threads:
            thread.join()

    def _admit(self, comments: int, queue: _Queue) -> None:
        if self._closed:
            raise ModelBusyError(1)
        # Large requests let the short ones pass, so a short one waits for those before it and little else.
        before = [self._short] if queue is self._short else [self._short, self._long]
        waiting = sum(one.comments for one in before)
        seconds = self._speed.seconds(sum(one.weight for one in before)) / self._lanes
        if waiting and (waiting + comments > self._most_waiting or seconds > self._longest_wait):
            raise ModelBusyError(max(1, ceil(seconds)))

    def _drop(self, request: _Request, queue: _Queue) -> None:
        """Nobody waits for this any more: it is answered, was cancelled, or one of its chunks failed."""
        with self._lock:
            queue.remove(request)

    def _work(self, take: Callable[[], list[_Chunk]]) -> None:
        while batch := take():
            started = perf_counter()
            try:
                comments = list(chain.from_iterable(chunk.comments for chunk in batch))
                request = batch[0].request
                analyses = request.tagger(comments, all_labels=request.all_labels)
            # Whatever it is, it belongs to those who wait for it; the lane has others to serve.
            except Exception as error:
                for chunk in batch:
                    with suppress(InvalidStateError):
                        chunk.request.future.set_exception(error)
            else:
                self._hand_out(batch, analyses)
            with self._lock:
                self._on_large -= batch[0].large
                self._speed.note(sum(chunk.weight for chunk in batch), perf_counter() - started)
            self._linger(batch, perf_counter() - started)

    def _linger(self, batch: list[_Chunk], seconds: float) -> None:
        """Wait for those who were answered to ask again, while they do, and nobody else has to wait for it."""
        requests = {id(chunk.request): chunk.request for chunk in batch}.values()
        answered = sum(request.left == 0 for request in requests)
        if len(requests) == 1 or not answered:
            return
        if self._no_lingering:
            self._no_lingering -= 1
            return
        queue, other = (self._long, self._short) if batch[0].large else (self._short, self._long)
        now, seen = perf_counter(), queue.requests
        first, until, last = seen, now + _LINGER * seconds, now + _MOST_LINGER * seconds
        everybody = min(seen + answered, NARROW.comments)
        while seen < everybody and not other.requests and now < min(until, last):
            sleep(_STEP)
            now, before, seen = perf_counter(), seen, queue.requests
            if seen > before and _came_back(seen - first, answered):
                until = max(until, now + _LULL)
        if seen < everybody and not _came_back(seen - first, answered):
            self._no_lingering = _PROBE

    def _next(self) -> list[_Chunk]:
        """What a lane does next: waits for it. Nothing, once all is done and no more will come."""
        with self._changed:
            while not self._short.comments and not self._long.comments:
                if self._closed:
                    return []
                self._changed.wait()
            large = self._long.comments > 0
            turn = large and (not self._short.comments or self._passed_over == _GIVE_WAY)
            self._passed_over = self._passed_over + 1 if large and not turn else 0
            if turn:
                self._on_large += 1
                self._blocked.notify()
            if not turn:
                return self._short.take(NARROW)
            return self._long.take(NARROW if self._short.comments else WIDE)

    def _next_beside(self) -> list[_Chunk]:
        """The short requests that no lane can take just now."""
        with self._blocked:
            while not (self._short.comments and self._on_large == self._lanes):
                if self._closed:
                    return []
                self._blocked.wait()
            return self._short.take(NARROW)

    def _hand_out(self, batch: list[_Chunk], analyses: Sequence[models.Analysis]) -> None:
        place = 0
        for chunk in batch:
            request, size = chunk.request, len(chunk.comments)
            request.analyses[chunk.start : chunk.start + size] = analyses[place : place + size]
            place += size
            with self._lock:
                request.left -= 1
                complete = request.left == 0
            if complete:
                with suppress(InvalidStateError):
                    request.future.set_result([one for one in request.analyses if one is not None])


def _came_back(came: int, answered: int) -> bool:
    """Whether so many come since they were answered; independent ones would be a quarter of these by then."""
    return 2 * came >= answered


def _thread(
    work: Callable[[Callable[[], list[_Chunk]]], None], take: Callable[[], list[_Chunk]], name: str
) -> threading.Thread:
    thread = threading.Thread(target=work, args=(take,), name=name, daemon=True)
    thread.start()
    return thread


class _Speed:
    """Weight done in a second by one lane, over the work done lately."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._seconds = 0.0

    def note(self, weight: int, seconds: float) -> None:
        """Count a batch. What is older fades, by work and not by time: a quiet hour says nothing of speed."""
        weight = max(weight, _LEAST)
        kept = max(0.0, 1 - weight / _REMEMBERED)
        self._weight = kept * self._weight + weight
        self._seconds = kept * self._seconds + seconds

    def seconds(self, weight: int) -> float:
        """How long this would take; nothing is known of it before the first batch."""
        return weight * self._seconds / self._weight if self._weight else 0.0


def _cut(comments: Sequence[models.Comment], all_labels: bool, tagger: Tagger) -> _Request:
    """Cut a request into chunks of at most one batch; a comment that is larger is a chunk of its own."""
    request = _Request([None] * len(comments), all_labels, tagger)
    weights = [len(comment.text) + len(comment.question or "") + _COMMENT for comment in comments]
    sums = [0, *accumulate(weights)]
    start = 0
    for end in range(1, len(comments) + 1):
        if end == len(comments) or not NARROW.holds(end + 1 - start, sums[end + 1] - sums[start]):
            request.chunks.append(_Chunk(request, start, comments[start:end], sums[end] - sums[start]))
            start = end
    request.left = len(request.chunks)
    request.large = len(comments) > _SHORT or sums[-1] > NARROW.weight
    return request
