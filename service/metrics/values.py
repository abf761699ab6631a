"""A metric's value as the answers show it: one function for every metric of the registry.

A value from fewer answers than `hide_below` is null, its count is shown. Scores in points have one decimal, means
three, rates four.
"""

from collections.abc import Callable, Mapping
from typing import Any

from service import statistics
from service.metrics.sums import (
    Moments,
    Rules,
    Sums,
    ease,
    model_versions,
    moments,
    sides_of_nps,
    sides_of_sentiment,
    tagged,
)
from service.rollups import LABEL, SCALE
from service.statistics import Difference, Estimate


def nps(sums: Sums, rules: Rules) -> dict[str, Any]:
    sides = sides_of_nps(sums)
    n = sum(sides)
    return {**shown("value", statistics.nps(*sides) if n >= rules.hide_below else None, 1), "n": n}


def csat(sums: Sums, rules: Rules) -> dict[str, Any]:
    n = sums["csat_n"]
    rate = statistics.wilson(sums["csat_satisfied"], n) if n >= rules.hide_below else None
    return {**shown("value", rate, 4), "n": n}


def ces(sums: Sums, rules: Rules) -> dict[str, Any]:
    return {**shown("mean", _mean(ease(sums, rules), rules, within=(1, 7)), 3), "n": sums["ces_n"]}


def sentiment(sums: Sums, rules: Rules) -> dict[str, Any]:
    scored = moments(sums, "sentiment")
    mean = shown("mean", _mean(scored, rules, SCALE, (-1, 1)), 3)
    net = statistics.nps(*sides_of_sentiment(sums)) if scored[0] >= rules.hide_below else None
    score = shown("net", net, 1)
    return {
        "mean": mean["mean"],
        "mean_ci95": mean["ci95"],
        "net": score["net"],
        "net_ci95": score["ci95"],
        "n": scored[0],
    }


def expressed(name: str) -> Callable[[Sums, Rules], dict[str, Any]]:
    """The mean in points where something is expressed, and how often it is."""

    def compute(sums: Sums, rules: Rules) -> dict[str, Any]:
        found, analyzed = moments(sums, name), sums["analyzed"]
        mean = _mean(found, rules, SCALE / 100, (-100, 100))
        return {
            **shown("index", mean, 1),
            "n": found[0],
            "coverage": rounded(found[0] / analyzed, 4) if analyzed >= rules.hide_below else None,
        }

    return compute


def _mean(
    moments: Moments, rules: Rules, scale: float = 1, within: tuple[float, float] = (-1, 1)
) -> Estimate | None:
    # An interval of a mean takes two answers, however few may be shown.
    if moments[0] < max(2, rules.hide_below):
        return None
    return statistics.mean(*moments).times(1 / scale).within(*within)


def issues(sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    return _labels(rules.issues, sums, rules)


def strengths(sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    return _labels(rules.strengths, sums, rules)


def categories(sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    return _labels(rules.categories, sums, rules)


def _labels(ids: tuple[str, ...], sums: Sums, rules: Rules) -> list[dict[str, Any]]:
    """One entry for every label of the taxonomy, the most frequent first."""
    known = set(model_versions(sums)) == {rules.model_version}
    return [
        {
            "id": label,
            "observed": _observed(label, sums, rules),
            "estimated": _estimated(label, sums, rules, rules.errors.get(label) if known else None),
        }
        for label in sorted(ids, key=lambda label: -sums[LABEL + label])
    ]


def _observed(label: str, sums: Sums, rules: Rules) -> dict[str, Any]:
    count, analyzed = sums[LABEL + label], sums["analyzed"]
    rate = statistics.wilson(count, analyzed) if analyzed >= rules.hide_below else None
    return {"count": count, **shown("rate", rate, 4)}


def _estimated(
    label: str, sums: Sums, rules: Rules, errors: Mapping[str, int] | None
) -> dict[str, Any] | None:
    """From the audit where it is large enough, else from the `errors` on the model's card.

    Both speak of the model's own tags, so corrections, which the sums follow, are taken out again. The tagger can
    err only where there is content; comments without any surely have no label.
    """
    analyzed, read = sums["analyzed"], sums["analyzed"] - sums["no_content"]
    if read < rules.hide_below:
        return None
    tags = min(tagged(label, sums), read)
    found = statistics.estimated_rate(tags, read, audit=rules.audits.get(label), errors=errors)
    if found is None:
        return None
    share = read / analyzed
    return {
        **shown("rate", found.estimate.times(share), 4),
        "method": found.method,
        "audited": found.audited,
        "disagreement": found.disagreement and _disagreement(found.disagreement, share),
    }


def _disagreement(found: Difference, share: float) -> dict[str, Any]:
    """What the audit says more than the card. `real` is judged with all that is shown beside it."""
    ends = [rounded(end * share, 4) for end in (found.low, found.high)]
    p = float(f"{found.p:.2g}")
    return {"difference": rounded(found.value * share, 4), "ci95": ends, "p": p, "real": False}


def shown(name: str, estimate: Estimate | None, digits: int) -> dict[str, Any]:
    if estimate is None:
        return {name: None, "ci95": None}
    ends = [rounded(estimate.low, digits), rounded(estimate.high, digits)]
    return {name: rounded(estimate.value, digits), "ci95": ends}


def rounded(value: float, digits: int) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(value, digits) + 0.0
