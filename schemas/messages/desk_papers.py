"""Why: what is said beside a demand: questions and answers about it, files, findings, what is there already, disputes.
Beside `desk_api`, for the same callers.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.messages.desk_api import EventSaid, Page, Said
from schemas.messages.exchange import Message, Prose

Ids = tuple[int, ...]


class ItemsWhy(Message):
    """A step about some wanted items."""

    items: Ids = Field(min_length=1, max_length=200, description="Numbers of wanted items. 信息项编号", examples=[[17]])
    why: Prose = Field(min_length=1, max_length=2000, description="Why. 理由")


class InformationQuestion(Message):
    """What a provider must know of one demand before it can answer."""

    demand: str = Field(pattern=r"^XQ-\d{4}-\d{6}$", examples=["XQ-2026-000001"])
    question: Prose = Field(min_length=1, max_length=2000)


class InformationAnswer(Message):
    """What the demander says to it."""

    answer: Prose = Field(min_length=1, max_length=2000)


class RefusalForm(Message):
    """Why a promise is taken back: a ground of the table, a law that is cited, or the department that should have it."""

    ground: str | None = Field(default=None, max_length=40)
    words: Prose = Field(default="", max_length=500)
    department: str | None = Field(default=None, max_length=100)


class FileForm(Message):
    """A file for a demand: PDF, OFD, DOCX, XLSX, PNG or JPEG."""

    name: Prose = Field(min_length=1, max_length=300)
    content: str = Field(max_length=14_000_000, description="The file in base64 (RFC 4648 §4), at most 10 MiB.")


class Ruling(Message):
    """What the authority decided; with the number of the common superior's document where that decided."""

    verdict: Literal["uphold", "send_back"]
    why: Prose = Field(min_length=1, max_length=2000)
    document: Prose | None = Field(default=None, max_length=200)


class Words(Message):
    """A statement for the record."""

    words: Prose = Field(min_length=1, max_length=2000)


class FindingSaid(BaseModel):
    """What the conformity check found, where, and what can be done."""

    code: str
    severity: str
    where: str
    title: str
    title_en: str
    remedy: str
    remedy_en: str


class FindingsSaid(Said):
    """What speaks against a demand, or for a better one."""

    findings: list[FindingSaid]


class ReuseSaid(BaseModel):
    """What is there already for one wanted item; `position` counts the demand's items from zero."""

    position: int
    key: str
    facts: dict[str, str]
    is_enough: bool


class ReusesSaid(Said):
    """What need not be asked for again."""

    reuse: list[ReuseSaid]


class InformationSaid(Said):
    """A question about a demand, and its answer once there is one."""

    information: str = Field(examples=["BC-2026-000001"])
    task: str
    demand: str
    department: str = Field(description="Who asks. 提问部门")
    state: str
    question: str
    answer: str | None
    asked_at: datetime
    ended_at: datetime | None


class InformationList(Said):
    """Everything that was asked, oldest first."""

    information: list[InformationSaid]


class FileSaid(Said):
    """A file of a demand."""

    attachment: int
    name: str
    media_type: str = Field(description="By its first bytes, never as claimed. 按文件内容判定")
    size: int
    sha256: str
    added_at: datetime
    content: str | None = Field(default=None, description="The file in base64, where one file was asked for.")


class FilesSaid(Said):
    """A demand's files."""

    attachments: list[FileSaid]


class DisputeShort(BaseModel):
    """A dispute in a list."""

    dispute: str = Field(examples=["ZY-2026-000001"])
    state: str
    demand: str
    department: str
    against: str
    raised_at: datetime


class DisputesSaid(Page):
    """Disputes, newest first."""

    disputes: list[DisputeShort]


class DisputeSaid(Said, DisputeShort):
    """A dispute, its items and every step."""

    reason: str
    document: str | None
    appeal_until: date | None
    possible: list[str]
    items: list[int]
    events: list[EventSaid]


def as_event(row: Any) -> EventSaid:
    """Return a line of any case's timeline as it is said."""
    return EventSaid(
        at=row.at, actor=row.actor, department=row.department_id, action=row.action, from_state=row.from_state, to_state=row.to_state,
        note=row.note, facts=row.facts,
    )  # fmt: skip
