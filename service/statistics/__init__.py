"""Estimates with 95% intervals, as pure functions of counts and arrays: no SQL, no HTTP. Formulas name their source.

nps(promoters=40, passives=30, detractors=30)  →  Estimate(value=10.0, low=-6.27…, high=25.68…)
"""

from service.statistics.audited_rates import Audit, prediction_powered
from service.statistics.card_rates import adjusted_rate
from service.statistics.differences import (
    Difference,
    apart,
    discoveries,
    mean_difference,
    nps_difference,
    rate_difference,
)
from service.statistics.estimate import Estimate, Z
from service.statistics.intervals import mean, nps, student_quantile, wilson
from service.statistics.rates import EstimatedRate, estimated_rate

__all__ = [
    "Audit",
    "Difference",
    "Estimate",
    "EstimatedRate",
    "Z",
    "adjusted_rate",
    "apart",
    "discoveries",
    "estimated_rate",
    "mean",
    "mean_difference",
    "nps",
    "nps_difference",
    "prediction_powered",
    "rate_difference",
    "student_quantile",
    "wilson",
]
