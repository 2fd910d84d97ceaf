"""Why: what is said of grants, their life and of deadlines that move: wishes for more, renewals, extensions, use. Beside `desk_api`, for the same callers."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from schemas.messages.desk_api import EventSaid, Page, Said
from schemas.messages.exchange import Message, Prose

Quota = Annotated[int, Field(gt=0, le=10_000_000)]


class RenewalForm(Message):
    """A grant is to go on until a later day."""

    until: date
    why: Prose = Field(min_length=1, max_length=1000)


class QuotaForm(Message):
    """More subjects a day are wanted, from a day on."""

    wanted: Quota
    day: date
    why: Prose = Field(min_length=1, max_length=1000)


class QuotaApproval(Message):
    """So many subjects a day, until a day."""

    quota: Quota
    until: date


class ExtensionForm(Message):
    """More days are asked for, in the rule's kind of days."""

    days: int = Field(gt=0, le=366)
    why: Prose = Field(min_length=1, max_length=1000)


class ExtensionDecision(Message):
    """Consent, or no with a reason."""

    consent: bool
    why: Prose | None = Field(default=None, max_length=1000)


class GrantShort(BaseModel):
    """A grant in a list."""

    grant: str = Field(examples=["SQ-2026-000001"])
    state: str
    suspended_by: list[str]
    demand: str
    application: str
    library: str
    service_item: str
    valid_from: date
    valid_until: date


class GrantsSaid(Page):
    """Grants, newest first."""

    grants: list[GrantShort]


class GrantedItemSaid(BaseModel):
    """One granted attribute: in which form, on which published item."""

    attribute: str
    form: str
    resource_version: str
    item_id: str


class SuspendedSaid(BaseModel):
    """One reason why a grant is suspended: by which side, since when."""

    side: str
    code: str
    since: datetime
    why: str | None


class GrantSaid(Said, GrantShort):
    """A grant: what may be asked, in which form, how often, until when."""

    items: list[GrantedItemSaid]
    suspensions: list[SuspendedSaid]
    rows: list[dict[str, Any]]
    hours: str | None
    is_case_required: bool
    quota_per_day: int
    subjects_per_call: int
    burst_per_minute: int | None
    certified_until: date | None


class GrantEvents(Said):
    """All steps of a grant's life, oldest first."""

    grant: str
    events: list[EventSaid]


class DayUsed(BaseModel):
    """How much a grant was used on one day."""

    day: date
    subjects: int
    calls: int


class UseSaid(Said):
    """How much a grant was used in the last ninety days, newest first; days without use are left out."""

    grant: str
    days: list[DayUsed]


class QuotaSaid(Said):
    """A wish for more, and what became of it."""

    request: int
    grant: str
    state: str
    origin: str
    day: date
    wanted: int | None
    why: str | None
    quota: int | None
    until: date | None
    asked_at: datetime
    decided_at: datetime | None


class QuotasSaid(Said):
    """A grant's wishes for more, newest first."""

    requests: list[QuotaSaid]


class ExtensionSaid(Said):
    """A wish for more days, and what became of it."""

    extension: int
    clock: int
    state: str
    days: int
    why: str
    decision: str | None
    asked_at: datetime
    decided_at: datetime | None


class ExtensionsSaid(Page):
    """Wishes for more days, newest first."""

    extensions: list[ExtensionSaid]


class CheckedStep(BaseModel):
    """One step of a health check, and what was found."""

    name: str
    is_good: bool
    found: str | None


class CheckSaid(Said):
    """A health check: one question really asked through the grant, for nobody, step by step."""

    grant: str
    is_good: bool
    evidence: str = Field(description="The entry that says it was a check. 体检存证编号")
    steps: list[CheckedStep]
