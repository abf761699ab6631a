"""A value with its 95% interval, as every formula here gives it."""

from dataclasses import dataclass
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its 95% interval."""

    value: float
    low: float
    high: float

    def within(self, low: float, high: float) -> "Estimate":
        """The same, cut to the range that the quantity can have."""
        return Estimate(*(min(max(part, low), high) for part in (self.value, self.low, self.high)))

    def times(self, factor: float) -> "Estimate":
        """The same, multiplied by a known factor of zero or more."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)
