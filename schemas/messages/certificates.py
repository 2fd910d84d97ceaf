"""Why: what application systems send and get about single certificates and their files, as models: questions are validated by them, and the API reference is
made from them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from schemas.messages.exchange import Message, Name, Question, Subject

Status = Literal["valid", "restricted", "expired", "ended", "superseded", "not_found"]
_STATUS = "valid 有效, restricted 受限, expired 过期, ended 注销或吊销, superseded 已更替, not_found 未找到"


class ClaimedCertificate(Message):
    """Values claimed of one certificate, named by its identifier or its number; or of a holder's certificates, any of which may fit."""

    subject: Subject | None = Field(default=None, description="Holder code.")
    identifier: Subject | None = Field(default=None, description="Certificate identifier (GB/T 36904).")
    number: Subject | None = Field(default=None, description="Number on the certificate; several may bear it.")
    values: dict[Name, str | int | float | None] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _named_once(self) -> "ClaimedCertificate":
        if sum(one is not None for one in (self.subject, self.identifier, self.number)) != 1:
            raise ValueError("exactly one of subject, identifier, number")
        return self


class CertificateVerifyQuestion(Question):
    """Ask whether claimed values of certificates are right; all claims of one question name them in the same way."""

    MODE = "verify"

    claims: Annotated[tuple[ClaimedCertificate, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _named_alike(self) -> "CertificateVerifyQuestion":
        if len({self.way(claim) for claim in self.claims}) > 1:
            raise ValueError("all claims by subject, or all by identifier, or all by number")
        return self

    @staticmethod
    def way(claim: ClaimedCertificate) -> Literal["subject", "identifier", "number"]:
        """Return how a claim names its certificate."""
        if claim.subject is not None:
            return "subject"
        return "identifier" if claim.identifier is not None else "number"


class CertificateFileQuestion(Question):
    """Ask for a certificate's file: a one-time address of a copy that names its purpose."""

    identifier: Subject = Field(description="Certificate identifier (GB/T 36904).")
    cause: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")] = Field(
        description="使用事由, at most 200 characters; it is written onto every page of the copy.",
        examples=["办理施工许可，核验权属"],
    )


class CertificateVerdict(BaseModel):
    """How a certificate stands, and yes or no per claimed value; only values of a valid one are compared."""

    subject: str | None = None
    identifier: str | None = None
    number: str | None = None
    found: bool
    status: Status | None = Field(default=None, description=_STATUS + "; by identifier and number only.")
    matches: dict[str, bool]


class CertificateVerifyAnswer(BaseModel):
    """Yes or no per claimed value."""

    receipt: str
    library: str
    grant: str
    verdicts: list[CertificateVerdict]
    directory_versions: list[str]


class CertificateFileAnswer(BaseModel):
    """How the certificate stands, and where its copy can be fetched once."""

    receipt: str
    library: str
    grant: str
    identifier: str
    status: Status = Field(description=_STATUS)
    superseded_by: str | None = None
    address: str | None = Field(default=None, description="Path to GET once, signed by the same application.")
    expires_at: str | None = Field(default=None, description="Until when the address is good.")
    copy_valid_until: str | None = Field(default=None, description="Until which day the copy says it may be used.")
    directory_versions: list[str]
