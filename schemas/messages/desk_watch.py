"""Why: what programs of the authority and of auditors say and hear about misuse: what detectors saw, and who saw which of a person's items.
Beside `desk_api`, for the same callers. A person's identifier stands in a body only, never in an address.
"""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from schemas.messages.desk_api import Page, Said
from schemas.messages.exchange import Message, Prose


class GuardFindingSaid(Said):
    """What a detector saw an application do: a count above a limit, nobody's name."""

    finding: int
    at: datetime
    rule: str
    application: str
    grant: str
    measured: float
    above: float
    question: str = Field(description="Receipt of the question at which it was seen. 触发请求的回执")
    has_suspended: bool
    review: str | None = Field(description="abuse, false_alarm, or not yet said. 复核结论")
    reviewed_by: str | None
    reviewed_at: datetime | None


class GuardFindingsSaid(Page):
    """Findings, newest first."""

    findings: list[GuardFindingSaid]


class FindingReview(Message):
    """What a finding was."""

    verdict: Literal["abuse", "false_alarm"]


class AccessForm(Message):
    """Whom it is about, and what the look is for; reason and case are recorded for good, the identifier only as a keyed hash."""

    subject: SecretStr = Field(min_length=1, max_length=200, description="Identifier. 标识")
    reason: Prose = Field(min_length=1, max_length=500, description="What for, without personal identifiers. 查询用途")
    case: Prose = Field(min_length=1, max_length=100, description="Number of the case. 办件编号")
    first: date = Field(description="First day. 起始日期")
    last: date = Field(description="Last day, included. 截止日期")
    after: str = Field(default="", max_length=36, description="`next` of the page before. 续页")
    limit: int = Field(default=200, ge=1, le=1000, description="Most entries. 每页条数")


class SightSaid(BaseModel):
    """One question in which the subject was named."""

    receipt: str
    at: datetime
    saw: bool = Field(description="Whether an answer was handed out. 是否提供了数据")
    outcome: str
    department: str
    application: str
    library: str
    items: str
    are_exact: bool = Field(
        description="Whether the entry says the items itself; else what the grant shows now, at most. 信息项是否确切"
    )
    service_item: str
    case: str
    grant: str


class AccessSaid(Page):
    """Who asked for the subject, oldest first."""

    entries: list[SightSaid]
    recorded_as: str = Field(description="Entry that says that it was looked for. 本次查询的留痕")
    not_searched_yet: int = Field(description="Entries so new that they are not searched. 尚未编入索引的存证")
    is_cut: bool = Field(description="There are more than are ever listed: ask for a shorter period. 超出上限")
