"""What the numbers are made of: the sums that were counted, and the rules that they are judged by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from models.taxonomy import Kind, Taxonomy
from service.corrections.in_force import KINDS
from service.rollups import CORRECTED, LABEL, MODEL
from service.settings import Settings
from service.statistics import Audit

Sums = Mapping[str, int]
"""What was counted, by measure; 0 for what was not."""
Moments = tuple[int, int, int]
"""How many, their sum and their sum of squares; or how many on each of three sides."""
# Both ends of the effort scale together: 8 minus an answer is the same answer on the scale turned over.
_CES_ENDS = 1 + 7


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the numbers are judged by.

    `errors` are the error counts of the model `model_version`, by label (see `statistics.adjusted_rate`); `audits`
    what people found in comments drawn at random from the very ones that are counted, by label.
    """

    issues: tuple[str, ...]
    strengths: tuple[str, ...]
    categories: tuple[str, ...] = ()
    hide_below: int
    low_base_below: int
    ces_easiest: Literal[1, 7]
    model_version: str
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    audits: Mapping[str, Audit] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[tuple[Kind, str], ...]:
        """Each with what it is: issues, strengths, then categories."""
        return tuple((kind, label) for kind, group in KINDS for label in getattr(self, group))

    @classmethod
    def of(
        cls,
        settings: Settings,
        taxonomy: Taxonomy,
        model_version: str,
        errors: Mapping[str, Mapping[str, int]],
    ) -> "Rules":
        """From the settings and the loaded model."""
        return cls(
            issues=tuple(theme.issue.id for theme in taxonomy.themes),
            strengths=tuple(theme.strength.id for theme in taxonomy.themes),
            categories=tuple(category.id for category in taxonomy.categories),
            hide_below=settings.hide_below,
            low_base_below=settings.low_base_below,
            ces_easiest=settings.ces_easiest,
            model_version=model_version,
            errors=errors,
        )


def is_better(metric: str, *, more: bool) -> bool | None:
    """Whether more of a metric, or less, is good for customers; None for categories, which are neither."""
    return None if metric == "categories" else more != (metric in ("effort", "issues"))


def model_versions(sums: Sums) -> dict[str, int]:
    return {name.removeprefix(MODEL): count for name, count in sorted(sums.items()) if name.startswith(MODEL)}


def tagged(label: str, sums: Sums) -> int:
    """In how many comments the model itself found a label, before people corrected any."""
    return min(max(sums[LABEL + label] - sums[CORRECTED + label], 0), sums["analyzed"])


def moments_of(name: str) -> tuple[str, str, str]:
    return f"{name}_n", f"{name}_sum", f"{name}_sum_squares"


def moments(sums: Sums, name: str) -> Moments:
    n, total, squares = moments_of(name)
    return sums[n], sums[total], sums[squares]


def ease(sums: Sums, rules: Rules) -> Moments:
    n, total, squares = moments(sums, "ces")
    if rules.ces_easiest == 1:
        return n, _CES_ENDS * n - total, _CES_ENDS**2 * n - 2 * _CES_ENDS * total + squares
    return n, total, squares


def sides_of_sentiment(sums: Sums) -> Moments:
    positive, negative = sums["sentiment_positive"], sums["sentiment_negative"]
    return positive, sums["sentiment_n"] - positive - negative, negative


def sides_of_nps(sums: Sums) -> Moments:
    return sums["nps_promoters"], sums["nps_passives"], sums["nps_detractors"]
