"""The rate of an issue as it truly is: from the audit if that is large enough, else from the model's card.

estimated_rate(212, 2_000, audit=audit, errors=errors)
→  EstimatedRate(estimate=…, method="prediction_powered", audited=140, disagreement=Difference(…))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from service.statistics.audited_rates import Audit, prediction_powered
from service.statistics.card_rates import adjusted_rate, may_hold
from service.statistics.differences import Difference, apart
from service.statistics.estimate import Estimate

ENOUGH_AUDITED = 100
"""Fewer audited comments than this say less than the card does."""

Method = Literal["prediction_powered", "rogan_gladen"]


@dataclass(frozen=True, slots=True)
class EstimatedRate:
    """A rate, how it was made, from how many audited comments, and what the card's estimate misses of it.

    `disagreement` is the audit's estimate less the card's, None where there is only one of them. Of all those
    shown together, the ones that `discoveries` picks by their `p` mean that the tagger does not err here as it
    did where it was measured.
    """

    estimate: Estimate
    method: Method
    audited: int
    disagreement: Difference | None


def estimated_rate(
    tagged: int, n: int, *, audit: Audit | None = None, errors: Mapping[str, int] | None = None
) -> EstimatedRate | None:
    """The share that is truly positive where the tagger called `tagged` of `n` >= 1 so.

    `errors` are the card's counts (see `adjusted_rate`). None if the audit is too small and the card of no use, or
    plainly not true of these comments.
    """
    by_card = adjusted_rate(tagged, n, errors) if errors is not None else None
    if audit is not None and audit.n >= ENOUGH_AUDITED:
        by_audit = prediction_powered(tagged, n, audit)
        disagreement = None if by_card is None else apart(by_audit, by_card)
        return EstimatedRate(by_audit, "prediction_powered", audit.n, disagreement)
    if by_card is None or errors is None or not may_hold(tagged, n, errors):
        return None
    return EstimatedRate(by_card, "rogan_gladen", 0 if audit is None else audit.n, None)
