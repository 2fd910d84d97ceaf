"""Why: what application systems send and get, as models: questions are validated by them, and the API reference is made from them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

GrantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", examples=["SQ-2026-000001"])]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Subject = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]


class Message(BaseModel):
    """A message part; unknown members are refused, not dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Purpose(Message):
    """用途: for which service item, and for which case."""

    service_item: Text = Field(description="Id of the service item (政务服务事项) the grant was given for.")
    case: Text | None = Field(
        default=None, description="Number of the case (办件编号); required when the grant says so."
    )


class Question(Message):
    """What every question names."""

    grant: GrantId
    purpose: Purpose


class RecordsQuestion(Question):
    """Ask for records."""

    subjects: tuple[Subject, ...] = Field(
        description="1 to 100 keys of subjects, as many as the grant allows; never in a URL."
    )
    items: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Granted attributes to hand out; all of them when left out."
    )


class CertificatesQuestion(Question):
    """Ask for certificates by holder or by certificate identifier (exactly one of the two)."""

    subjects: tuple[Subject, ...] = Field(default=(), description="Holder codes.")
    identifiers: tuple[Subject, ...] = Field(default=(), description="Certificate identifiers (GB/T 36904).")
    items: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = None


class ClaimedValues(Message):
    """Values claimed of one subject."""

    subject: Subject
    values: dict[Name, str | int | float | None] = Field(min_length=1, max_length=100)


class VerifyQuestion(Question):
    """Ask whether claimed values are right."""

    claims: tuple[ClaimedValues, ...] = Field(description="1 to 100 subjects with the values claimed of them.")


class Source(BaseModel):
    """Where a value came from."""

    resource: str
    batch: str


class Record(BaseModel):
    """One record, or the word that there is none."""

    subject: str | None = None
    identifier: str | None = Field(
        default=None, description="In place of `subject` when asked by certificate identifier."
    )
    found: bool
    entry: str | None = Field(
        default=None, description="Key of a register's entry, when its parts are granted in full."
    )
    values: dict[str, Any] | None = Field(default=None, description="Granted attributes in the granted form.")
    version: int | None = None
    recorded_at: str | None = None
    sources: dict[str, Source] | None = Field(default=None, description="Winning source per attribute, when granted.")


class RecordsAnswer(BaseModel):
    """Records as granted."""

    receipt: str
    library: str
    grant: str
    records: list[Record]
    directory_versions: list[str]


class Verdict(BaseModel):
    """Yes or no per claimed value; a register's subject is matched entry by entry and one fitting entry is enough."""

    subject: str
    found: bool
    matches: dict[str, bool]


class VerifyAnswer(BaseModel):
    """Yes or no per claimed value."""

    receipt: str
    library: str
    grant: str
    verdicts: list[Verdict]
    directory_versions: list[str]


class DryRunAnswer(BaseModel):
    """All checks passed; no data, nothing counted."""

    receipt: str
    library: str
    grant: str
    dry_run: bool
    would_answer: dict[str, Any]
    directory_versions: list[str]


class Problem(BaseModel):
    """RFC 9457 problem document: which check failed and how to mend it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    title_zh: str
    remedy_zh: str
    receipt: str
    facts: dict[str, Any] = {}
    clock_difference: int | None = Field(default=None, description="Seconds between the caller's clock and the hub's.")
