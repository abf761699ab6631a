"""The figures to reach: each from results.json alone, with what was found and a verdict.

A ratio is that of the rates of one round, and the figure is the median of the rounds. Rates are comments a processor
second, which is comments a second of one core; where it says "clock", they are comments a second.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.entries import BARE, PIPELINE
from tests.bench.figures import Spread, ratios

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """At least, or at most, so much; `find` gives what was measured, or None."""

    title: str
    limit: float
    find: Callable[[Results], Spread | None]
    at_least: bool = True
    unit: str = "×"

    def judged(self, results: Results) -> dict[str, Any]:
        """As results.json has it."""
        found = self.find(results)
        reached = (
            None
            if found is None
            else (found.median >= self.limit) is self.at_least or found.median == self.limit
        )
        return {
            "title": self.title,
            "limit": self.limit,
            "at_least": self.at_least,
            "unit": self.unit,
            "found": None if found is None else found.to_dict(),
            "reached": reached,
        }


def judge(results: Results) -> list[dict[str, Any]]:
    """All of them."""
    return [target.judged(results) for target in TARGETS]


def _throughput(one: str, other: str) -> Callable[[Results], Spread | None]:
    def find(results: Results) -> Spread | None:
        rates = {each["name"]: each["rates"] for each in results["throughput"]}
        return ratios(rates.get(one, []), rates.get(other, []))

    return find


def _of_bare(cell: str, share: str) -> Callable[[Results], Spread | None]:
    def find(results: Results) -> Spread | None:
        found = _server(results, "listenwell")["cells"].get(cell)
        return Spread(**found[share]) if found and found[share] else None

    return find


def _figure(*path: str) -> Callable[[Results], Spread | None]:
    def find(results: Results) -> Spread | None:
        place: Any = results
        for name in path:
            place = (place or {}).get(name)
        return Spread(**place) if place else None

    return find


def _of_server(*path: str) -> Callable[[Results], Spread | None]:
    def find(results: Results) -> Spread | None:
        return _figure(*path)(_server(results, "listenwell"))

    return find


def _beside_infinity(measure: str, *, ours_above: bool) -> Callable[[Results], Spread | None]:
    def find(results: Results) -> Spread | None:
        ours, theirs = (_cells(_server(results, name), "c32", measure) for name in ("listenwell", "infinity"))
        return ratios(ours, theirs) if ours_above else ratios(theirs, ours)

    return find


def _worst_loss(results: Results) -> Spread | None:
    """The larger of the losses in issues and in strengths, with its 95 % interval as least and greatest."""
    served = (results.get("fidelity") or {}).get("served")
    if not served:
        return None
    loss = max((served[name]["loss"] for name in ("issues", "strengths")), key=lambda one: one["value"])
    return Spread(loss["value"], loss["low"], loss["high"], loss["n"])


def _server(results: Results, name: str) -> Mapping[str, Any]:
    return next((one for one in results["serving"] if one["name"] == name), {"cells": {}})


def _cells(server: Mapping[str, Any], cell: str, measure: str) -> list[float]:
    return [one[measure] for one in server["cells"].get(cell, {"rounds": []})["rounds"]]


TARGETS = (
    Target("pipeline, of transformers pipeline", 16, _throughput(PIPELINE, "transformers")),
    Target("pipeline, of sentence-transformers + head", 5, _throughput(PIPELINE, "sentence-transformers")),
    Target(
        "pipeline, of the same on ONNX Runtime's default int8", 1.4, _throughput(PIPELINE, "default-int8")
    ),
    Target("pipeline, of the bare encoder", 0.85, _throughput(PIPELINE, BARE)),
    Target("HTTP, 32 connections, of the bare encoder", 0.75, _of_bare("c32", "of_bare")),
    Target("HTTP, 32 connections, of the bare encoder, clock", 0.75, _of_bare("c32", "of_bare_wall")),
    Target("HTTP, 32 connections, of infinity", 4, _beside_infinity("rate", ours_above=True)),
    Target("HTTP, 32 connections, of infinity, clock", 4, _beside_infinity("wall_rate", ours_above=True)),
    Target("p99 at 32 connections, infinity's of ours", 3, _beside_infinity("p99", ours_above=False)),
    Target("HTTP, batches of 64, of the bare encoder", 0.85, _of_bare("b64", "of_bare")),
    Target("HTTP, batches of 64, of the bare encoder, clock", 0.85, _of_bare("b64", "of_bare_wall")),
    Target("one comment, nothing else under way, p50", 8, _of_server("cells", "c1", "p50"), False, "ms"),
    Target("first answer after the start of the process", 1.5, _of_server("first_answer_s"), False, "s"),
    Target("largest process", 350, _of_server("largest_process_mb"), False, "MB"),
    Target("back-fill, of the bare pipeline", 0.8, _figure("backfill", "of_pipeline")),
    # Linear is 1; 5 % are noise.
    Target("words in comments of 2,000, of those in 250", 0.95, _figure("long", "long_of_short")),
    Target("macro-F1 lost to int8, the larger of two", 0.005, _worst_loss, False, ""),
)
