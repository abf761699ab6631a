"""A tagger's rate corrected by the error counts on its model card: what there is where nobody audits.

adjusted_rate(30, 100, {"tp": 45, "fn": 5, "fp": 10, "tn": 90})  →  Estimate(value=0.25, …)
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

from service.statistics.estimate import Estimate, Z

_SURELY = NormalDist().inv_cdf(0.999)


class _Uncut(NamedTuple):
    """A rate as it comes out, wherever it lies: the value, the centre of its interval and a standard error."""

    value: float
    centre: float
    error: float


def adjusted_rate(positives: int, n: int, errors: Mapping[str, int]) -> Estimate | None:
    """The share that is truly positive among n >= 1, of which an imperfect tagger called `positives` so.

    `errors` are its counts `tp`, `fp`, `fn`, `tn` on comments labelled by hand. The value corrects the share
    for sensitivity and specificity (Rogan & Gladen 1978), cut to 0..1; the interval has the pseudo-counts and
    the shift of Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113). Where its centre lies beyond 0 or 1, the
    interval is that of a centre just there, or it would shrink to nothing the worse the card fits. It holds where the
    tagger errs here as it did there. None if `errors` do not show, at 95%, that the tagger does better than chance.
    """
    found = _uncut(positives, n, errors)
    if found is None:
        return None
    centre, half = min(max(found.centre, 0.0), 1.0), Z * found.error
    # Value and interval are different estimators: on very few labelled comments the one may lie beside the other.
    low, high = min(centre - half, found.value), max(centre + half, found.value)
    return Estimate(found.value, low, high).within(0, 1)


def may_hold(positives: int, n: int, errors: Mapping[str, int]) -> bool:
    """Whether any rate from 0 to 1 could have had so few, or so many, of n >= 1 tagged (at 99.9 %, for cells are many).

    If not, the tagger surely does not err here as it did where it was measured. True where there is no `adjusted_rate`.
    """
    found = _uncut(positives, n, errors)
    if found is None or 0 <= found.value <= 1:
        return True
    return found.centre + _SURELY * found.error > 0 and found.centre - _SURELY * found.error < 1


def _uncut(positives: int, n: int, errors: Mapping[str, int]) -> _Uncut | None:
    diseased, healthy = errors["tp"] + errors["fn"], errors["tn"] + errors["fp"]
    if not diseased or not healthy:
        return None
    se, sp = (errors["tp"] + 1) / (diseased + 2), (errors["tn"] + 1) / (healthy + 2)
    se_variance, sp_variance = se * (1 - se) / (diseased + 2), sp * (1 - sp) / (healthy + 2)
    youden = se + sp - 1
    if youden <= Z * math.sqrt(se_variance + sp_variance):
        return None
    plain_se, plain_sp = errors["tp"] / diseased, errors["tn"] / healthy
    value = (positives / n + plain_sp - 1) / (plain_se + plain_sp - 1)
    seen = (positives + Z**2 / 2) / (n + Z**2)
    true = (seen + sp - 1) / youden
    variance = seen * (1 - seen) / (n + Z**2) + true**2 * se_variance + (1 - true) ** 2 * sp_variance
    centre = true + 2 * Z**2 * (true * se_variance - (1 - true) * sp_variance)
    return _Uncut(value, centre, math.sqrt(variance) / youden)
