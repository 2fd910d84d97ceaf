"""Why: what officers' programs send to the desks and get from them, as models: answers are made of them, and so is the API reference. What a form asks for is
the desks' own model (`DemandForm`, `ItemAnswer`); here is what only this interface has.
"""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from schemas.messages.exchange import Message, Prose
from schemas.messages.tracing import TraceAnswer


class Why(Message):
    """A step that must say why."""

    why: Prose = Field(min_length=1, max_length=1000, description="Why. 理由", examples=["使用依据不充分"])


class Remark(Message):
    """A step that may say why."""

    why: Prose | None = Field(default=None, max_length=1000, description="Why, where there is something to say. 说明")


class Nothing(Message):
    """A step that needs no words."""


class Said(BaseModel):
    """What every answer names: its receipt."""

    receipt: str = Field(default="", description="Receipt of this answer. 回执编号")


class Page(Said):
    """A part of a list."""

    next: str | None = Field(default=None, description="Give it as after=… for the next page; null: this is the last.")


class WantedItemSaid(BaseModel):
    """A wanted item, in the demander's own words."""

    item: int
    name: str
    note: str | None
    form: str


class AnswerSaid(Said):
    """A provider's word on one wanted item: what was said, and what has become of it."""

    answer: int
    item: int
    name: str
    demand: str
    state: str
    decision: str | None
    resource: str | None
    version: int | None
    item_id: str | None
    form: str
    reason: str | None
    promised_date: date | None
    answered_at: datetime | None


class AnswersSaid(Said):
    """Some answers."""

    answers: list[AnswerSaid]


class DemandShort(BaseModel):
    """A demand in a list."""

    demand: str = Field(examples=["XQ-2026-000001"])
    state: str
    department: str
    service_item: str
    application: str | None
    purpose: str
    created_at: datetime
    submitted_at: datetime | None
    valid_until: date | None


class DemandsSaid(Page):
    """Demands, newest first."""

    demands: list[DemandShort]


class AskedDepartment(BaseModel):
    """A department that was asked to supply, and by when it must answer."""

    task: str
    department: str
    state: str
    due: date
    is_provisional: bool


class DemandSaid(Said, DemandShort):
    """A demand and where it stands."""

    basis: str
    scenario: str
    scope: str
    mode: str
    volume_per_day: int
    hours: str | None
    findings: list[dict[str, Any]]
    possible: list[str] = Field(description="Steps its state allows. 当前可进行的步骤")
    items: list[WantedItemSaid]
    asked: list[AskedDepartment]
    answers: list[AnswerSaid]
    grants: list[str]


class DroppedSaid(Said):
    """A draft that was thrown away."""

    demand: str
    state: str = "discarded"


class MatchSaid(BaseModel):
    """One ranked supplier of a wanted item, with its reasons."""

    rank: int
    resource: str
    version: int | None
    item: str
    score: float
    reasons: list[dict[str, Any]]


class MatchedItem(BaseModel):
    """What was found for one wanted item."""

    item: int | None = Field(description="Number of the wanted item; null while nothing is registered.")
    name: str
    matches: list[MatchSaid]


class MatchesSaid(Said):
    """Ranked matches of every wanted item."""

    items: list[MatchedItem]


class MatchQuestion(Message):
    """Ask who has what, before anything is registered."""

    service_item: Prose = Field(default="", max_length=100)
    purpose: Prose = Field(default="", max_length=1000)
    items: tuple[Prose, ...] = Field(min_length=1, max_length=100, examples=[["申请人姓名", "婚姻状况"]])


class EventSaid(BaseModel):
    """One step of a case: who, when, why, from which state to which."""

    at: datetime
    actor: str
    department: str | None
    action: str
    from_state: str | None
    to_state: str | None
    note: str | None
    facts: dict[str, Any]


class TimelineSaid(Said):
    """All steps of a case, oldest first."""

    demand: str
    events: list[EventSaid]


class SharedDemand(BaseModel):
    """What a provider learns of a demand that shares its task."""

    demand: str
    state: str
    purpose: str
    service_item: str
    basis: str
    terms: dict[str, Any] = Field(description="What the provider set for this demand. 提供条件")


class TaskShort(AskedDepartment):
    """A supply task in a list."""

    demands: list[SharedDemand]


class TasksSaid(Page):
    """Supply tasks, newest first."""

    tasks: list[TaskShort]


class TaskSaid(Said, TaskShort):
    """A supply task: what is asked, for whom, and what was answered."""

    answers: list[AnswerSaid]


class NoticeSaid(Said):
    """A notice: `key` names its words, `facts` fill them."""

    notice: int
    department: str
    key: str
    facts: dict[str, Any]
    demand: str | None
    created_at: datetime
    read_at: datetime | None


class NoticesSaid(Page):
    """Notices of the department, newest first."""

    notices: list[NoticeSaid]


class DeadlineSaid(BaseModel):
    """One clock: what is owed by whom, by which rule, until when."""

    clock: int
    case: str
    demand: str
    department: str
    rule: str
    basis: str
    state: str
    lamp: str = Field(description="green, yellow (two working days or fewer left), red (overdue). 亮灯")
    started_on: date
    due: date
    is_provisional: bool
    paused_days: int
    extension_days: int


class DeadlinesSaid(Page):
    """Running clocks, the most urgent first."""

    deadlines: list[DeadlineSaid]


class TokenSaid(Said):
    """A token for the desks (RFC 6749 §5.1)."""

    access_token: str
    token_type: str = Field(default="Bearer")
    expires_in: int
    scope: str


class ChainSaid(Said, TraceAnswer):
    """The chain around one id, as far as the asker may see it."""
