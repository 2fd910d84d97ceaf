"""Why: what a provider sets beside its yes: which rows, which hours, how often, until when. Several providers' terms for one grant hold together: the strictest
of each. Called by supply, which keeps them, and by grants, which compiles them.
"""

import re
from datetime import date, datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas.bound import SUBJECT
from schemas.calendar import CHINA
from schemas.errors import Invalid
from schemas.resource import Strict

HOURS = re.compile(r"([01]\d|2[0-3])-([01]\d|2[0-4])")

LONGEST_PREFIX = 6  # a division; every answer names its grant's rules, and no rule may name a person


class RowRule(Strict):
    """Only rows whose attribute is one of the values (`in`) or begins with one of them (`prefix`) may be answered."""

    library: str | None = Field(
        default=None, description="Library it is for; none: every library the provider feeds here."
    )
    attribute: str
    kind: Literal["in", "prefix"] = "in"
    values: tuple[str, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _names_nobody(self) -> Self:
        if self.attribute == SUBJECT and (
            self.kind != "prefix" or any(len(one) > LONGEST_PREFIX for one in self.values)
        ):
            raise ValueError("subjects only by their first six characters / 主体只能按前六位限定")
        return self


class Terms(Strict):
    """A provider's terms for one demand; None: no wish of its own."""

    rows: tuple[RowRule, ...] = ()
    hours: str | None = Field(default=None, description='Daily hours of use in China\'s time, "08-18".')
    is_case_required: bool | None = None
    quota_per_day: int | None = Field(default=None, gt=0, le=10_000_000)
    burst_per_minute: int | None = Field(default=None, gt=0, le=1_000_000)
    valid_until: date | None = None

    @field_validator("hours")
    @classmethod
    def _is_span(cls, hours: str | None) -> str | None:
        if hours is not None:
            parse_hours(hours)
        return hours


def parse_hours(hours: str) -> tuple[int, int]:
    """Return first and last hour of "08-18": from 08:00 until before 18:00. Raises Invalid `grant.hours`."""
    found = HOURS.fullmatch(hours)
    if found is None or int(found[1]) >= int(found[2]):
        raise Invalid("grant.hours", hours=hours)
    return int(found[1]), int(found[2])


def is_within(hours: str, moment: datetime) -> bool:
    """Tell whether a moment (any zone) lies within daily hours of China's time."""
    first, last = parse_hours(hours)
    return first <= moment.astimezone(CHINA).hour < last


def common_hours(*spans: str | None) -> str | None:
    """Return the hours that all spans have in common; None: no span was given. Raises Invalid `grant.hours_disjoint`."""
    given = [parse_hours(span) for span in spans if span is not None]
    if not given:
        return None
    first, last = max(one for one, _ in given), min(one for _, one in given)
    if first >= last:
        raise Invalid("grant.hours_disjoint", hours=", ".join(span for span in spans if span))
    return f"{first:02d}-{last:02d}"
