"""The registry: what every number of a touchpoint is called, made of, computed by and compared by.

    METRICS[0].slug, METRICS[0].compute(sums, rules), METRICS[0].compare(new_sums, old_sums, rules)

The answers, their comparisons and the documents all read it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.metrics import differences, tidy, values
from service.metrics.sums import Rules, Sums, moments_of
from service.metrics.tidy import Figures
from service.statistics import Difference


@dataclass(frozen=True)
class Metric:
    """One entry of the registry: `slug` is its name in the answer, `measures` the sums it is made of."""

    slug: str
    title: str
    unit: str
    measures: tuple[str, ...]
    compute: Callable[[Sums, Rules], Any]
    compare: Callable[[Sums, Sums, Rules], Mapping[str, Difference]]
    """What differs from other sums, by label ("" where the metric has none), as far as enough answered both."""
    digits: int
    """Decimals of a difference."""
    figures: Figures
    """The rows that it has in a table."""


METRICS = (
    Metric(
        "nps",
        "Net Promoter Score: share of 9 and 10 minus share of 0 to 6",
        "points, -100 to 100",
        ("nps_promoters", "nps_passives", "nps_detractors"),
        values.nps,
        differences.nps_apart,
        1,
        tidy.score("nps", ("nps", "value", "ci95", "adjusted_wald")),
    ),
    Metric(
        "csat",
        "Satisfied: share of 4 and 5",
        "rate, 0 to 1",
        ("csat_n", "csat_satisfied"),
        values.csat,
        differences.csat_apart,
        4,
        tidy.score("csat", ("csat", "value", "ci95", "wilson")),
    ),
    Metric(
        "ces",
        "Ease, mean",
        "1 to 7, 7 is easiest",
        ("ces_n", "ces_sum", "ces_sum_squares"),
        values.ces,
        differences.ces_apart,
        3,
        tidy.score("ces", ("ces", "mean", "ci95", "student")),
    ),
    Metric(
        "sentiment",
        "Sentiment: mean score, and share positive minus share negative",
        "mean -1 to 1; net in points, -100 to 100",
        (*moments_of("sentiment"), "sentiment_positive", "sentiment_negative"),
        values.sentiment,
        differences.sentiment_apart,
        1,
        tidy.score(
            "sentiment",
            ("sentiment_net", "net", "net_ci95", "adjusted_wald"),
            ("sentiment_mean", "mean", "mean_ci95", "student"),
        ),
    ),
    *(
        Metric(
            name,
            f"{title}: mean score where it is expressed, and how often it is",
            f"index in points, -100 to 100 ({ends}); coverage 0 to 1",
            (*moments_of(name), "analyzed"),
            values.expressed(name),
            differences.expressed_apart(name),
            1,
            tidy.expressed(name),
        )
        for name, title, ends in (
            ("empathy", "Perceived empathy", "100 is caring"),
            ("effort", "Effort", "100 is hard"),
            ("loyalty", "Loyalty", "100 stays"),
        )
    ),
    Metric(
        "issues",
        "Share of analysed comments with an issue",
        "rate, 0 to 1",
        ("analyzed", "no_content"),
        values.issues,
        differences.issues_apart,
        4,
        tidy.labels("issues", "issue"),
    ),
    Metric(
        "strengths",
        "Share of analysed comments with a strength",
        "rate, 0 to 1",
        ("analyzed", "no_content"),
        values.strengths,
        differences.strengths_apart,
        4,
        tidy.labels("strengths", "strength"),
    ),
    Metric(
        "categories",
        "Share of analysed comments with a category of one's own",
        "rate, 0 to 1",
        ("analyzed", "no_content"),
        values.categories,
        differences.categories_apart,
        4,
        tidy.labels("categories", "category"),
    ),
)
"""All metrics of a touchpoint, in the order of the answer."""
