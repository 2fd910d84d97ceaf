"""Why: what consumers of the change feed and of bulk exports send and get, as models: questions are validated by them, and the API reference is made
from them.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from schemas.messages.exchange import Day, Message, Moment, Name, Purpose, Source

Format = Literal["parquet", "ndjson"]


class ExportQuestion(Message):
    """批量导出申请: what of the granted items, in which files, as of when."""

    MODE: ClassVar[str] = "export"

    purpose: Purpose
    format: Format = Field(
        description="parquet: columns subject, entry and the items; ndjson: one record a line, as in the change feed."
    )
    items: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Granted attributes; all but those granted as yes or no when left out."
    )
    as_of: Day | None = Field(
        default=None, description="The day on which entries hold; of registers with business time only."
    )
    known_at: Moment | None = Field(default=None, description="What the hub believed at this moment; without it now.")


class ExportFileTold(BaseModel):
    """One file of an export."""

    number: int
    rows: int
    bytes: int
    sha256: str
    address: str = Field(
        description="Path to fetch it from by a signed GET; Range and If-Range go on where a download broke off."
    )


class SignedManifest(BaseModel):
    """The manifest as it was issued: `text` byte for byte, over it a detached JWS (RFC 7515, appendix F), and the evidence entry that holds its digest."""

    text: str
    signature: str = Field(
        description='Compact JWS without its payload: "header..signature"; the payload is `text` in UTF-8.'
    )
    keyid: str
    evidence: str


class ExportAnswer(BaseModel):
    """Where an export stands: waiting → building → ready → expired, or failed, stopped (the grant changed), cancelled."""

    receipt: str
    export: str
    grant: str
    library: str
    state: Literal["waiting", "building", "ready", "failed", "stopped", "cancelled", "expired"]
    code: str | None = Field(description="Why it failed or was stopped: an error code.")
    format: Format
    items: dict[str, str]
    rows: list[dict[str, Any]]
    known_at: str
    as_of: str | None
    asked_at: str
    rows_written: int
    rows_expected: int | None = Field(description="About how many rows there are; known once building began.")
    files: list[ExportFileTold] = Field(
        description="Files that are whole; they can be fetched once the state is ready."
    )
    expires_at: str | None
    signed: SignedManifest | None


class ExportList(BaseModel):
    """A grant's newest exports, without their files."""

    receipt: str
    exports: list[dict[str, Any]]


class Change(BaseModel):
    """One change of one record. A copy keeps records by `entry`, or by `subject` where there is none."""

    change: Literal["added", "changed", "removed"] = Field(
        description="removed: it is no more, or lies outside the grant's rows, or is not served any more."
    )
    subject: str
    entry: str | None = Field(
        default=None,
        description='Key of a register\'s entry; a name for this grant alone ("~…") where its parts are not granted in full.',
    )
    at: str = Field(description="When the hub learned it.")
    values: dict[str, Any] | None = Field(
        default=None, description="All granted attributes in the granted form; none when removed."
    )
    changed: list[str] | None = Field(
        default=None, description="Which of them are not as before; empty when the subject is another."
    )
    sources: dict[str, Source] | None = None


class ChangesAnswer(BaseModel):
    """One page of the change feed. A page was lost when `follows` is not the `next` that was kept, or `page` is not one more."""

    receipt: str
    library: str
    grant: str
    items: dict[str, str]
    rows: list[dict[str, Any]] | None = None
    phase: Literal["stock", "changes"] = Field(
        description="stock: what holds now, as additions; changes: what happened since."
    )
    page: int = Field(description="1 for the first page of a feed, then one more each time.")
    follows: str | None = Field(description="The cursor this page was asked with.")
    next: str = Field(description="Give it as after=… for the next page, now or later.")
    more: bool = Field(description="Whether there is more by now; else ask again when news are wanted.")
    known_at: str = Field(description="Up to this moment everything is settled and in the feed.")
    changes_digest: str = Field(description="SHA-256 (hex) of `changes` as JSON with sorted keys and no spaces.")
    changes: list[Change]
    directory_versions: list[str]
