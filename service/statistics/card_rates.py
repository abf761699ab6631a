"""A tagger's rate corrected by the error counts on its model card: what there is where nobody audits.

adjusted_rate(30, 100, {"tp": 45, "fn": 5, "fp": 10, "tn": 90})  →  Estimate(value=0.25, …)
"""

import math
from collections.abc import Mapping

from service.statistics.estimate import Z_ONE_SIDED, Estimate, Z


def adjusted_rate(positives: int, n: int, errors: Mapping[str, int]) -> Estimate | None:
    """The share that is truly positive among n >= 1, of which an imperfect tagger called `positives` so.

    `errors` are its counts `tp`, `fp`, `fn`, `tn` on comments labelled by hand. The value corrects the share
    for sensitivity and specificity (Rogan & Gladen 1978), cut to 0..1; the interval has the pseudo-counts and
    the shift of Lang & Reiczigel 2014 (Preventive Veterinary Medicine 113). It holds where the tagger errs
    here as it did there. None if `errors` do not show, at 95%, that the tagger does better than chance.
    """
    found = _uncut(positives, n, errors)
    return found and found.within(0, 1)


def may_hold(positives: int, n: int, errors: Mapping[str, int]) -> bool:
    """Whether any rate from 0 to 1 could have had so few, or so many, of n >= 1 tagged, at 95 % on the side that it is.

    If not, the tagger does not err here as it did where it was measured, and a rate by `errors`, cut to 0 or 1, would
    look like certainty. Only where `adjusted_rate` gives one.
    """
    found = _uncut(positives, n, errors)
    if found is None:
        return True
    # From the ends of two sides, 2.5 % each, to the one end of 5 %.
    nearer = (found.high - found.low) / 2 * (1 - Z_ONE_SIDED / Z)
    return found.high - nearer > 0 and found.low + nearer < 1


def _uncut(positives: int, n: int, errors: Mapping[str, int]) -> Estimate | None:
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
    half = Z * math.sqrt(variance) / youden
    # Value and interval are different estimators: on very few labelled comments the one may lie beside the other.
    return Estimate(value, min(centre - half, value), max(centre + half, value))
