"""The numbers of a touchpoint as rows of one shape, for tables: what the registry's entries say of an answer.

for figure in figures(touchpoint_metrics(conn, "default", "billing", rules)): ...
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its interval (95 %); `value` is None where it is hidden, `count` where nothing is counted.

    `n` is what it rests on: answers, comments with a score, or analysed comments. `method` names how the value or
    its interval was made.
    """

    metric: str
    label: str | None
    value: float | None
    low: float | None
    high: float | None
    n: int
    count: int | None
    method: str


Figures = Callable[[Answer], Iterator[Figure]]


def score(slug: str, *parts: tuple[str, str, str, str]) -> Figures:
    """Of an answer's object `slug`: for each part its name as a metric, its key, its interval's key and its method."""

    def read(answer: Answer) -> Iterator[Figure]:
        found = answer[slug]
        for name, key, ends, method in parts:
            yield Figure(name, None, found[key], *_ends(found[ends]), found["n"], None, method)

    return read


def expressed(slug: str) -> Figures:
    """The mean where something is expressed, and how often it is."""
    index = score(slug, (f"{slug}_index", "index", "ci95", "student"))

    def read(answer: Answer) -> Iterator[Figure]:
        yield from index(answer)
        found = answer[slug]
        share, n = found["coverage"], answer["analyzed"]
        yield Figure(f"{slug}_coverage", None, share, None, None, n, found["n"], "count")

    return read


def labels(slug: str, name: str) -> Figures:
    """Of each label of a kind the share of tags, and the share corrected for the model's errors where it is known."""

    def read(answer: Answer) -> Iterator[Figure]:
        n = answer["analyzed"]
        for one in answer[slug]:
            seen, made = one["observed"], one["estimated"]
            yield Figure(name, one["id"], seen["rate"], *_ends(seen["ci95"]), n, seen["count"], "tags")
            if made is not None:
                ends = _ends(made["ci95"])
                yield Figure(name, one["id"], made["rate"], *ends, n, seen["count"], made["method"])

    return read


def counts(answer: Answer) -> Iterator[Figure]:
    """How many comments there are, and how many of them could be read."""
    for name in ("n", "analyzed", "not_analyzed", "no_content"):
        count = answer[name]
        slug = "comments" if name == "n" else name
        yield Figure(slug, None, count, None, None, answer["n"], count, "count")


def _ends(ci95: Any) -> tuple[float | None, float | None]:
    return (None, None) if ci95 is None else (ci95[0], ci95[1])
