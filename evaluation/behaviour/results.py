"""How many cases of the behaviour tests a system passes: per test, per capability and overall.

    section(suite, {"model": predictions_on(comments_of(suite))}, taxonomy.load())

A test that a system cannot answer (a word list knows no themes) is not judged. The overall rate is the share of
all cases; of a system that does not answer every test, it is the share of those that it answers, and `model` is
the model's share of the same.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.behaviour.expectations import Answer, answers_of, needs_of, passes
from evaluation.behaviour.suite import KINDS, Behaviour, Suite
from evaluation.intervals import LEVEL, Estimate
from evaluation.predictions import Predictions
from models.taxonomy import Taxonomy

FLOOR = 0.7
"""A test under this pass rate is failing."""
_SHOWN = 4  # failing cases of a test whose texts the report gives
_Z = 1.959964  # the normal quantile of LEVEL

Verdicts = Sequence[bool] | None
"""Whether each case of a test passed; None where the system does not answer the test."""


def judge(suite: Suite, predictions: Predictions, taxonomy: Taxonomy) -> list[Verdicts]:
    """Judge every test; the predictions speak of `comments_of(suite)`, in order."""
    return [
        [passes(test.kind, said, case.expect) for case, said in zip(test.cases, answers, strict=True)]
        if _answered(test, predictions)
        else None
        for test, answers in zip(suite, _by_case(suite, predictions, taxonomy), strict=True)
    ]


def _by_case(suite: Suite, predictions: Predictions, taxonomy: Taxonomy) -> list[list[list[Answer]]]:
    """The answers to the texts of each case of each test."""
    texts = [text for test in suite for case in test.cases for text in case.texts]
    rest = iter(answers_of(predictions, texts, taxonomy))
    return [[[next(rest) for _ in case.texts] for case in test.cases] for test in suite]


def wilson(passed: int, n: int) -> Estimate:
    """A rate with its score interval (Wilson 1927), which is honest at 0 and 1 and for few cases."""
    rate = passed / n
    centre = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return Estimate(value=rate, low=max(0.0, centre - half), high=min(1.0, centre + half), n=n)


def section(suite: Suite, systems: Mapping[str, Predictions], taxonomy: Taxonomy) -> dict[str, Any]:
    """What the report holds: rates by system of each test, capability and all; the first is the model.

    The texts of some cases that the model fails are there too: the suite is our own writing.
    """
    found = {name: judge(suite, predictions, taxonomy) for name, predictions in systems.items()}
    model = next(iter(found.values()))
    shown = _by_case(suite, next(iter(systems.values())), taxonomy)
    capabilities = list(dict.fromkeys(test.capability for test in suite))
    return {
        "floor": FLOOR,
        "interval": LEVEL,
        "kinds": KINDS,
        "n": sum(len(test.cases) for test in suite),
        "systems": {name: _overall(verdicts, model) for name, verdicts in found.items()},
        "capabilities": [
            {
                "name": name,
                "systems": {
                    system: _pooled(
                        [v for v, test in zip(each, suite, strict=True) if test.capability == name]
                    )
                    for system, each in found.items()
                },
            }
            for name in capabilities
        ],
        "tests": [
            {
                "name": test.name,
                "capability": test.capability,
                "kind": test.kind,
                "about": test.about,
                "n": len(test.cases),
                "systems": {system: _pooled([verdicts[at]]) for system, verdicts in found.items()},
                "failed": _failed(test, shown[at]),
            }
            for at, test in enumerate(suite)
        ],
    }


def _answered(test: Behaviour, predictions: Predictions) -> bool:
    needs = {need for case in test.cases for need in needs_of(test.kind, case.expect)}
    return all(getattr(predictions, need) is not None for need in needs)


def _overall(verdicts: Sequence[Verdicts], model: Sequence[Verdicts]) -> dict[str, Any] | None:
    """The rate over all tests that are answered, and the model's over the same; None if none is."""
    both = [(own, other) for own, other in zip(verdicts, model, strict=True) if own is not None]
    rate, same = _pooled([own for own, _ in both]), _pooled([other for _, other in both])
    return rate and {**rate, "model": same and same["value"]}


def _pooled(parts: Sequence[Verdicts]) -> dict[str, Any] | None:
    """The rate over the cases of several tests; None unless every one of them is answered."""
    if not parts or any(part is None for part in parts):
        return None
    cases = [passed for part in parts if part is not None for passed in part]
    return {"passed": sum(cases), **wilson(sum(cases), len(cases)).to_dict()}


def _failed(test: Behaviour, answers: Sequence[Sequence[Answer]]) -> list[dict[str, Any]]:
    """Some cases that fail: the text and, of its changes, the first that do."""
    failed = [
        (case, said)
        for case, said in zip(test.cases, answers, strict=True)
        if not passes(test.kind, said, case.expect)
    ]
    return [
        {
            "text": case.texts[0],
            "question": case.question,
            "changed": [
                text
                for text, changed in zip(case.texts[1:], said[1:], strict=True)
                if not passes(test.kind, [said[0], changed], case.expect)
            ][:2],
            "expect": dict(case.expect),
        }
        for case, said in failed[:_SHOWN]
    ]
