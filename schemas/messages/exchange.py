"""Why: what application systems send and get, as models: questions are validated by them, and the API reference is made from them."""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

GrantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", examples=["SQ-2026-000001"])]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Subject = Annotated[str, Field(min_length=1, max_length=128)]
Day = Annotated[date, Field(strict=True, examples=["2026-03-01"])]
Moment = Annotated[AwareDatetime, Field(strict=True, examples=["2026-03-01T08:00:00+08:00"])]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
Prose = Annotated[str, Field(pattern=r"^[^\x00]*$")]


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
    """What every question names. MODE: what its grant must allow."""

    MODE: ClassVar[str] = "query"

    grant: GrantId
    purpose: Purpose


class TimedQuestion(Question):
    """Ask for what was true on a day, as far as the hub knew it at a moment; without either for what it believes now."""

    as_of: Day | None = Field(
        default=None, description="The day (in China) on which it was true; without it what sources say last."
    )
    known_at: Moment | None = Field(
        default=None, description="What the hub believed at this moment, not one to come; without it now."
    )


class RecordsQuestion(TimedQuestion):
    """Ask for records."""

    subjects: tuple[Subject, ...] = Field(
        description="1 to 100 keys of subjects, as many as the grant allows; never in a URL."
    )
    items: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Granted attributes to hand out; all of them when left out."
    )


class CertificatesQuestion(TimedQuestion):
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

    MODE = "verify"

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
    records_digest: str = Field(
        description="SHA-256 (hex) of `records` as JSON with sorted keys and no spaces: equal for equal records, so that a repetition can be compared."
    )
    known_at: str = Field(description="The moment the records stand at: asking for it again finds exactly these.")
    as_of: str | None = Field(default=None, description="The day asked for.")
    items: dict[str, str] = Field(description="Attributes handed out and the form in which each was granted.")
    rows: list[dict[str, Any]] | None = Field(
        default=None,
        description="The grant's rules on rows, when it has any: what lies outside them is answered as unknown.",
    )
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


class Acknowledgement(Message):
    """召回确认: what the application does about a recall."""

    outcome: Literal["asking_again", "not_kept"] = Field(
        description="asking_again: it will ask for the affected subjects anew; not_kept: nothing of the values is kept or was used.",
        examples=["asking_again"],
    )


class ObjectionForm(Message):
    """异议: one value of one receipt is doubted."""

    receipt: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] = Field(
        description="Receipt that handed the value out (X-Receipt).", examples=["01890a5d-ac96-774b-bcce-b302099a8057"]
    )
    subject: Subject = Field(description="The key it was asked by; one of the receipt's.")
    entry: Subject | None = Field(
        default=None, description="Key of the entry, where a register has several of this subject."
    )
    attribute: Name = Field(description="The doubted attribute.", examples=["marital_status"])
    claimed: Prose | None = Field(default=None, max_length=500, description="What it should be, where that is known.")
    reason: Prose = Field(
        min_length=1, max_length=1000, description="Why it is doubted.", examples=["当事人出示的结婚证与登记状况不符"]
    )
    evidence: Prose = Field(default="", max_length=4000, description="What there is to show for it.")


class Acknowledged(BaseModel):
    """Where the caller's part of a recall stands: notified → acknowledged → done."""

    receipt: str
    recall: str
    library: str
    resource: str
    batch: str
    attributes: list[str]
    state: str
    outcome: str | None
    acknowledge_by: str
    receipts_total: int
    subjects_total: int
    subjects_asked_again: int
    notified_at: str | None
    acknowledged_at: str | None


class RecallList(BaseModel):
    """The caller's recalls, newest first."""

    receipt: str
    recalls: list[dict[str, Any]]
    next: str | None = Field(description="Give it as after=… for the next page.")


class SignedNotice(BaseModel):
    """The notice as it was issued: `text` byte for byte, the hub's Ed25519 signature over it, and the evidence entry that holds its digest."""

    text: str
    signature: str
    keyid: str
    evidence: str


class RecallAnswer(Acknowledged):
    """One recall as it concerns the caller."""

    notice: dict[str, Any]
    signed: SignedNotice
    receipts: list[dict[str, Any]]
    next: str | None


class ObjectionAnswer(BaseModel):
    """Where an objection stands: open → correcting → corrected | refused | ruled | withdrawn."""

    receipt: str
    objection: str
    receipt_doubted: str
    library: str
    attribute: str
    attribute_name: str
    state: str
    source_department: str
    raised_at: str
    due: str
    refusal: str | None
    corrected_by_batch: str | None
    is_value_changed: bool
    closed_at: str | None
    subject: str
    entry: str | None
    claimed: str | None
    reason: str


class ObjectionList(BaseModel):
    """The caller's objections, newest first, without their subjects."""

    receipt: str
    objections: list[dict[str, Any]]
    next: str | None
