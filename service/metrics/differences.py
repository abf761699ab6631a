"""How far the sums of two periods or segments lie apart: one function for every metric of the registry.

Each gives the differences by label ("" where the metric has none), and nothing where too few answered either.
"""

from collections.abc import Callable

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
from service.rollups import SCALE
from service.statistics import Difference


def nps_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _scores_apart(sides_of_nps(new), sides_of_nps(old), rules)


def sentiment_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _scores_apart(sides_of_sentiment(new), sides_of_sentiment(old), rules)


def _scores_apart(new: Moments, old: Moments, rules: Rules) -> dict[str, Difference]:
    if min(sum(new), sum(old)) < rules.hide_below:
        return {}
    return {"": statistics.nps_difference(new, old)}


def csat_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    if min(new["csat_n"], old["csat_n"]) < rules.hide_below:
        return {}
    parts = new["csat_satisfied"], new["csat_n"], old["csat_satisfied"], old["csat_n"]
    return {"": statistics.rate_difference(*parts)}


def ces_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _means_apart(ease(new, rules), ease(old, rules), rules, 1)


def expressed_apart(name: str) -> Callable[[Sums, Sums, Rules], dict[str, Difference]]:
    return lambda new, old, rules: _means_apart(moments(new, name), moments(old, name), rules, SCALE / 100)


def _means_apart(new: Moments, old: Moments, rules: Rules, scale: float) -> dict[str, Difference]:
    if min(new[0], old[0]) < max(2, rules.hide_below):
        return {}
    found = statistics.mean_difference(new, old)
    return {"": Difference(found.value / scale, found.low / scale, found.high / scale, found.p)}


def issues_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _labels_apart(rules.issues, new, old, rules)


def strengths_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _labels_apart(rules.strengths, new, old, rules)


def categories_apart(new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    return _labels_apart(rules.categories, new, old, rules)


def _labels_apart(ids: tuple[str, ...], new: Sums, old: Sums, rules: Rules) -> dict[str, Difference]:
    """By the model's own tags, and only where one and the same version gave all of them.

    Corrections, which the sums follow, are taken out again: people who read one side only would set it apart.
    """
    if min(new["analyzed"], old["analyzed"]) < rules.hide_below:
        return {}
    if len(set(model_versions(new)) | set(model_versions(old))) != 1:
        return {}
    return {
        label: statistics.rate_difference(
            tagged(label, new), new["analyzed"], tagged(label, old), old["analyzed"]
        )
        for label in ids
    }
