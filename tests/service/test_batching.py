"""The micro-batcher: order, turns, errors, back-pressure, dropped work, a clean stop."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future

import pytest

import models
from models import Analysis, Comment
from service.batching import NARROW, WIDE, MicroBatcher, ModelBusyError


class Gate:
    """A pipeline that waits to be let on, and remembers what it was asked for."""

    def __init__(self, pipeline: models.Pipeline) -> None:
        self.pipeline = pipeline
        self.open = threading.Event()
        self.taken = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def __call__(self, comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        self.batches.append([comment.text for comment in comments])
        self.taken.release()
        assert self.open.wait(20)
        if any("poison" in comment.text for comment in comments):
            raise ValueError("this batch is bad")
        return self.pipeline.analyze(comments, all_labels=all_labels)


@pytest.fixture
def gate(pipeline: models.Pipeline) -> Gate:
    return Gate(pipeline)


@pytest.fixture
def batcher(gate: Gate) -> Iterator[MicroBatcher]:
    batcher = MicroBatcher(gate)
    yield batcher
    gate.open.set()
    batcher.close()


def ask(batcher: MicroBatcher, *texts: str, all_labels: bool = False) -> "Future[list[Analysis]]":
    return batcher.submit([Comment(text, id=text) for text in texts], all_labels=all_labels)


def ids(future: "Future[list[Analysis]]") -> list[str | None]:
    return [analysis.id for analysis in future.result(20)]


def held(batcher: MicroBatcher, gate: Gate) -> "Future[list[Analysis]]":
    """A request that the one lane is busy with."""
    future = ask(batcher, "first")
    assert gate.taken.acquire(timeout=20)
    return future


def test_what_queues_meanwhile_goes_together_and_in_order(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    others = [ask(batcher, f"{n}a", f"{n}b") for n in range(5)]
    gate.open.set()
    assert ids(first) == ["first"]
    assert [ids(one) for one in others] == [[f"{n}a", f"{n}b"] for n in range(5)]
    assert gate.batches[1:] == [[f"{n}{part}" for n in range(5) for part in "ab"]]


def test_a_lane_lingers_no_more_where_nobody_asks_again(
    pipeline: models.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers who send one comment each do not come back; waiting for them made the queue behind them grow."""
    lingered = threading.Semaphore(0)
    monkeypatch.setattr("service.batching.sleep", lambda seconds: lingered.release())

    def slow(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        time.sleep(0.05)
        return pipeline.analyze(comments, all_labels=all_labels)

    batcher = MicroBatcher(slow)
    steps = []
    for _ in range(3):
        for future in [ask(batcher, f"{n}") for n in range(6)]:
            future.result(20)
        # The lane is in its next batch once this is answered: it lingers no longer.
        ask(batcher, "alone").result(20)
        steps.append(0)
        while lingered.acquire(blocking=False):
            steps[-1] += 1
    batcher.close()
    assert steps[0] > 0
    assert steps[1:] == [0, 0]


def test_answers_are_the_pipelines(pipeline: models.Pipeline) -> None:
    comments = [Comment(f"The app crashes. {'Agent was kind. ' * (n % 40)}", id=str(n)) for n in range(200)]
    batcher = MicroBatcher(pipeline.analyze, lanes=3)
    for all_labels in (False, True):
        found = [one.to_dict() | {"analyzed_at": ""} for one in batcher(comments, all_labels=all_labels)]
        expected = pipeline.analyze(comments, all_labels=all_labels)
        assert found == [one.to_dict() | {"analyzed_at": ""} for one in expected]
    assert batcher([]) == []
    batcher.close()


def test_large_requests_give_way_and_do_not_starve(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    large = ask(batcher, *(f"large {n}" for n in range(100)))
    # Long enough that each is a batch of its own.
    small = [ask(batcher, f"small {n} " + "x" * (NARROW.weight - 200)) for n in range(9)]
    gate.open.set()
    assert [len(one.result(20)) for one in (first, large, *small)] == [1, 100] + [1] * 9
    order = ["large" if "large" in batch[0] else "small" for batch in gate.batches[1:]]
    # While the lane reads a large one, the thread beside it may take a small one at any moment.
    assert order[:3] == ["small"] * 3
    assert order.index("large") < order.index("small", 5) or order.count("small") < 9
    assert order[3:5].count("large") >= 1


def test_short_requests_pass_a_lane_that_is_stuck(pipeline: models.Pipeline) -> None:
    stuck = threading.Event()

    def reads_slowly(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        if len(comments[0].text) > 10_000:
            assert stuck.wait(20)
        return pipeline.analyze(comments, all_labels=all_labels)

    batcher = MicroBatcher(reads_slowly)
    giant = ask(batcher, "long " * 5_000)
    assert [ids(ask(batcher, f"{n}")) for n in range(3)] == [[f"{n}"] for n in range(3)]
    assert not giant.done()
    stuck.set()
    assert len(giant.result(20)) == 1
    batcher.close()


def test_a_batch_is_bounded_in_comments_and_characters(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    texts = ["short"] * 170 + ["x" * 100_000] + ["y" * 3_000] * 30
    large = ask(batcher, *texts)
    gate.open.set()
    assert (ids(first), ids(large)) == (["first"], texts)
    assert all(len(batch) <= WIDE.comments for batch in gate.batches)
    assert all(sum(map(len, batch)) <= WIDE.weight or len(batch) == 1 for batch in gate.batches)


def test_while_a_short_request_waits_a_batch_of_a_large_one_is_narrow(
    batcher: MicroBatcher, gate: Gate
) -> None:
    first = held(batcher, gate)
    large = ask(batcher, *(f"large {n}" for n in range(200)))
    # Each is a batch of its own, and after three of them it is the large one's turn.
    small = [ask(batcher, "s" * (NARROW.weight - 200)) for _ in range(5)]
    gate.open.set()
    assert [len(one.result(20)) for one in (first, large, *small)] == [1, 200] + [1] * 5
    sizes = [len(batch) for batch in gate.batches if "large" in batch[0]]
    assert sizes[0] == NARROW.comments < max(sizes) <= WIDE.comments
    assert sum(sizes) == 200


def test_chunks_of_several_large_requests_go_together(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    large = [ask(batcher, *(f"{name}{n}" for n in range(40))) for name in "abc"]
    gate.open.set()
    assert ids(first) == ["first"]
    assert [ids(one) for one in large] == [[f"{name}{n}" for n in range(40)] for name in "abc"]
    assert [len(batch) for batch in gate.batches] == [1, 120]


def test_large_requests_take_turns(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    one, two = (ask(batcher, *(f"{name}{n} " + "x" * (WIDE.weight // 2) for n in range(6))) for name in "ab")
    gate.open.set()
    assert [len(future.result(20)) for future in (first, one, two)] == [1, 6, 6]
    assert [batch[0][0] for batch in gate.batches[1:]] == ["a", "b"] * 6


def test_an_error_reaches_only_those_whose_comments_were_in_the_batch(
    batcher: MicroBatcher, gate: Gate
) -> None:
    first = held(batcher, gate)
    bad = ask(batcher, "poison " + "x" * (NARROW.weight - 110))
    good = ask(batcher, "fine")
    gate.open.set()
    with pytest.raises(ValueError, match="bad"):
        bad.result(20)
    assert (ids(first), ids(good)) == (["first"], ["fine"])
    assert ids(ask(batcher, "later")) == ["later"]


def test_with_all_labels_is_a_batch_of_its_own(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    plain, full = ask(batcher, "a bill"), ask(batcher, "the bill", all_labels=True)
    gate.open.set()
    assert ids(first) == ["first"]
    assert len(full.result(20)[0].issues) > len(plain.result(20)[0].issues)
    assert gate.batches[1:] == [["a bill"], ["the bill"]]


def test_cancelled_work_is_dropped(batcher: MicroBatcher, gate: Gate) -> None:
    first = held(batcher, gate)
    gone = [ask(batcher, "gone"), ask(batcher, *["gone, and many"] * 300)]
    kept = ask(batcher, "kept")
    assert all(future.cancel() for future in gone)
    gate.open.set()
    assert (ids(first), ids(kept)) == (["first"], ["kept"])
    assert gate.batches == [["first"], ["kept"]]
    with pytest.raises(CancelledError):
        gone[0].result(20)


def test_of_a_cancelled_request_that_has_begun_the_rest_is_dropped(batcher: MicroBatcher, gate: Gate) -> None:
    large = ask(batcher, *(f"large {n}" for n in range(300)))
    assert gate.taken.acquire(timeout=20)
    assert large.cancel()
    gate.open.set()
    assert ids(ask(batcher, "kept")) == ["kept"]
    assert len(gate.batches) == 2


def test_too_much_waiting_is_refused_with_a_time(gate: Gate) -> None:
    batcher = MicroBatcher(gate, most_waiting=10)
    first = held(batcher, gate)
    # What finds nothing before it is taken, however large.
    large = ask(batcher, *["large"] * 50)
    small = [ask(batcher, f"{n}") for n in range(10)]
    for texts in (["one more"], ["more"] * 20):
        with pytest.raises(ModelBusyError) as caught:
            ask(batcher, *texts)
        assert (caught.value.code, caught.value.retry_after) == ("model_busy", 1)
    gate.open.set()
    assert [len(one.result(20)) for one in (first, large, *small)] == [1, 50] + [1] * 10
    assert ids(ask(batcher, "later")) == ["later"]
    batcher.close()


def test_the_wait_is_estimated_from_what_was_measured(pipeline: models.Pipeline) -> None:
    gate = Gate(pipeline)
    gate.open.set()

    def slow(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        time.sleep(0.2)
        return gate(comments, all_labels=all_labels)

    batcher = MicroBatcher(slow, longest_wait=3)
    assert ids(ask(batcher, "a")) == ["a"]  # 0.2 s for what counts as 2,000 of weight
    running = ask(batcher, "b")
    waiting = ask(batcher, *["large"] * 100)  # some 1 s
    more = ask(batcher, *["large " * 50] * 100)  # some 4 s
    with pytest.raises(ModelBusyError) as caught:
        ask(batcher, *["larger"] * 100)
    assert 4 <= caught.value.retry_after <= 15
    assert ids(ask(batcher, "a single one goes first")) == ["a single one goes first"]
    waiting.cancel()
    more.cancel()
    assert ids(running) == ["b"]
    batcher.close()


def test_a_slow_first_comment_refuses_nobody(gate: Gate) -> None:
    gate.open.set()

    def slow_at_first(comments: Sequence[Comment], *, all_labels: bool = False) -> list[Analysis]:
        time.sleep(0 if gate.batches else 0.5)
        return gate(comments, all_labels=all_labels)

    batcher = MicroBatcher(slow_at_first)
    assert ids(ask(batcher, "a")) == ["a"]
    asked = [ask(batcher, *["as a crowd at the start"] * 64) for _ in range(10)]
    assert sum(len(one.result(20)) for one in asked) == 640
    batcher.close()


def test_closing_finishes_what_was_accepted(gate: Gate) -> None:
    batcher = MicroBatcher(gate, lanes=2)
    asked = [held(batcher, gate), ask(batcher, *["large"] * 100), ask(batcher, "small")]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    time.sleep(0.05)
    with pytest.raises(ModelBusyError):
        ask(batcher, "late")
    gate.open.set()
    closing.join(20)
    assert not closing.is_alive()
    assert [len(future.result(0)) for future in asked] == [1, 100, 1]
