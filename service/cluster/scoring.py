"""Parts of comments to parts of analyses, by Ray Data: the one module that knows Ray.

    with cluster("local", workers=2) as workers:
        for done in score(parts, [0, 1, 2], model, workers): ...

Each worker is an actor with one CPU. An actor that dies is started again and its part is tagged once more, which
writes the same file; a part that ends several actors in a row ends the back-fill.
"""

import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import models
from service.cluster.analyst import Analyst, ModelName
from service.cluster.parts import Parts

LOCAL = "local"
"""The address of a cluster that is started on this machine for the while."""


@dataclass(frozen=True)
class Done:
    """A part whose analyses are there."""

    part: int
    comments: int


@contextmanager
def cluster(address: str, workers: int | None) -> Iterator[int]:
    """Connected to a cluster, or with one of its own, during the block; how many workers there may be.

    As many as were asked for, else one for each CPU of the cluster. Raises `MissingExtraError` without Ray and
    `InputError` ("cluster_unreachable") where none answers.
    """
    ray = _ray()
    own = {"num_cpus": workers, "include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, AssertionError) as error:
        raise models.InputError(
            f"--address: no Ray cluster answers at {address} ({type(error).__name__}); one that asks for a token "
            "needs RAY_AUTH_MODE=token here, too",
            code="cluster_unreachable",
        ) from error
    try:
        yield workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    finally:
        ray.shutdown()


def score(parts: Parts, numbers: Sequence[int], model: ModelName, workers: int) -> Iterator[Done]:
    """Tag these parts; each is told of once its analyses are there, in no order.

    Raises `InputError` ("cluster_failed") where a worker cannot read its part or load the model, or where parts
    end their workers again and again. What was done until then is done.
    """
    ray = _ray()
    _be_quiet(ray)
    data = ray.data.from_items([{"part": number} for number in numbers], override_num_blocks=len(numbers))
    scored = data.map_batches(
        Analyst,
        fn_constructor_args=(parts, model, secrets.token_hex(4)),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(numbers))),
    )
    try:
        for row in scored.iter_rows():
            if row["fault"]:
                raise _failed(f"part {row['part']}: {row['fault']}")
            yield Done(row["part"], row["comments"])
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise _failed(f"workers died or could not be started ({type(cause).__name__})") from error


def _failed(detail: str) -> models.InputError:
    return models.InputError(f"cluster: {detail}; run the same again to go on", code="cluster_failed")


def _ray() -> Any:
    # Asked before Ray is imported, it tells nobody that it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # It warns of constructor arguments in its store, which are there as long as the command runs.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise models.MissingExtraError("--engine ray needs Ray: pip install -e '.[ray]'") from error
    return ray


def _be_quiet(ray: Any) -> None:
    """No bars and no plans on the terminal: the command has a bar of its own."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
