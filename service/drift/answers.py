"""The shapes of answers on drift, for the OpenAPI document."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from service.drift.checks import Check


class CheckOut(BaseModel):
    """One comparison of a week with the weeks before."""

    check: Check
    what: str | None = Field(
        description="The label, probability, language or words that moved most; null where there is no one."
    )
    p: float = Field(description="How often chance sets two samples of one population as far apart.")
    distance: float
    now: float | None = Field(
        description="The share of the week's comments, above `above` if given; a mean for `probabilities`."
    )
    before: float | None = Field(description="The same of the weeks before.")
    above: float | None = Field(description="The value at which the two lie furthest apart.")


class DriftAlarm(CheckOut):
    """A check that says that something changed."""

    source: str | None
    comments: list[str] = Field(
        description="Ids of new comments that made the difference, the plainest first."
    )


class DriftSource(BaseModel):
    """What was compared of one source."""

    source: str | None = Field(description="A channel or touchpoint; null is all comments.")
    comments: int = Field(description="Looked at: a random part where there are many.")
    reference_comments: int
    checks: list[CheckOut]


class Days(BaseModel):
    """From which day to before which."""

    from_: date = Field(alias="from")
    to: date


class DriftWeek(Days):
    """A week against the eight weeks before it."""

    reference: Days
    sources: list[DriftSource] = Field(
        description="All comments, and the ten largest sources that have enough."
    )
    alarms: list[DriftAlarm] = Field(description="The surest first.")


class DriftOut(Days):
    """Whether what came in is still what it was, week by week."""

    by: Literal["channel", "touchpoint"]
    model_version: str = Field(description="Only what this version said counts in the checks of scores.")
    weeks: list[DriftWeek]
