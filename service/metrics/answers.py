"""The shapes of answers on segments, drivers and alerts, for the OpenAPI document."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from service.answers import DifferenceOut, TouchpointMetrics


class Interval(BaseModel):
    """A value with its 95 % interval."""

    value: float
    ci95: tuple[float, float]


class LabelDriver(BaseModel):
    """What the metric is with all comments, less what it is without those with this label."""

    id: str
    n: int = Field(description="Comments with a score and this label.")
    observed: Interval | None = Field(description="By tags; null where too few comments have the label.")
    corrected: Interval | None = Field(description="By true labels, as far as the tagger's errors are known.")
    attenuated: bool = Field(description="Only `observed` is known, which the tagger's errors draw to zero.")


class ThemeDriver(BaseModel):
    """The part of the score's variance that is associated with a theme (Shapley share of R²)."""

    id: str
    share: Interval | None = Field(description="By tags, and so attenuated.")


class DriversOut(BaseModel):
    """What a score is associated with; never what causes it."""

    touchpoint: str
    metric: Literal["nps", "csat", "ces"]
    n: int = Field(description="Comments with a score that were looked at, the newest 20,000 at most.")
    r2: Interval | None
    labels: list[LabelDriver]
    themes: list[ThemeDriver]


class Alert(BaseModel):
    """A rate of tags that is no longer what it was."""

    touchpoint: str
    label: str
    polarity: Literal["issue", "strength"]
    since: date
    direction: Literal["up", "down"]
    rate: float = Field(description="Of the last seven days.")
    expected: float = Field(description="What the eight weeks before would make it.")
    n: int = Field(description="Comments of the last seven days.")
    p: float = Field(description="Two-sided.")
    comments: str = Field(description="The address of the comments behind it.")


class AlertsOut(BaseModel):
    """All alerts in force on the day before `until`, the surest first, of `watched` rates."""

    until: date
    watched: int
    alerts: list[Alert]


class SegmentOut(BaseModel):
    """The comments with one value of the field."""

    value: str | int | float | bool | None
    metrics: TouchpointMetrics
    differences: list[DifferenceOut] = Field(description="From all other comments.")


class SegmentsOut(BaseModel):
    """The segments by one field, the largest first."""

    by: str
    touchpoint: str
    n: int = Field(description="All comments, of those not shown as well.")
    segments: list[SegmentOut]
    not_shown: int = Field(description="How many segments more there are.")
