"""The shapes of answers on segments, drivers, alerts and emerging themes, for the OpenAPI document."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from models.taxonomy import Kind
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
    """The part of the score's variance that is associated with a theme (Shapley share of adjusted R²)."""

    id: str
    share: Interval | None = Field(description="By tags, and so attenuated.")


class DriversOut(BaseModel):
    """What a score is associated with; never what causes it."""

    touchpoint: str
    metric: Literal["nps", "csat", "ces"]
    n: int = Field(description="Comments with a score that were looked at, the newest 3,000 at most.")
    r2: Interval | None
    labels: list[LabelDriver]
    themes: list[ThemeDriver]


class Alert(BaseModel):
    """A rate of tags that is no longer what it was."""

    touchpoint: str
    label: str
    polarity: Kind = Field(description="A category has none: it is called one here.")
    since: date
    direction: Literal["up", "down"]
    rate: float = Field(description="Of the last seven days.")
    expected: float = Field(description="What the eight weeks before would make it.")
    n: int = Field(description="Comments of the last seven days.")
    p: float = Field(description="Two-sided.")
    comments: str = Field(description="The address of the comments behind it.")


class AlertsOut(BaseModel):
    """All alerts in force on the day before `until`, the surest first, of `watched` rates: those of touchpoints with 30
    analysed comments in the last week."""

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
    n: int = Field(description="All comments that were counted, of segments not shown as well.")
    sampled_from: int | None = Field(
        description="Of so many comments some 3,000 drawn at random were counted; null where all were."
    )
    segments: list[SegmentOut]
    not_shown: int = Field(description="How many segments more there are.")


class Growth(BaseModel):
    """The share of unexplained comments that speak of a theme, less what it was before."""

    before: int = Field(description="Comments that spoke of it in as many days before.")
    difference: float
    ci95: tuple[float, float]
    p: float = Field(description="Two-sided.")
    real: bool = Field(description="More than chance, with false discoveries controlled over all themes.")


class TypicalComment(BaseModel):
    """A comment that stands for a theme."""

    id: str
    text: str


class EmergingTheme(BaseModel):
    """Words that comments have together more often than chance: a candidate, to be named by people."""

    words: list[str] = Field(description="The most telling first, by c-TF-IDF.")
    n: int = Field(description="Comments with at least two of the words.")
    share: float = Field(description="Of the unexplained comments that were looked at.")
    growth: Growth | None = Field(description="Null where there were too few comments before.")
    typical: list[TypicalComment]


class EmergingOut(BaseModel):
    """What customers talk of that no label covers, the largest theme first."""

    touchpoint: str
    from_: date | None = Field(alias="from")
    to: date | None
    unexplained: int = Field(description="Comments with content and without a label that were looked at.")
    before: int = Field(description="The same of as many days before.")
    enough: bool = Field(description="Whether there are enough of them to look for themes.")
    themes: list[EmergingTheme]
