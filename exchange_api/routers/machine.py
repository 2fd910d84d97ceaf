"""Why: the API reference must show the questions that the answering layer takes before the framework is asked. These functions only describe them:
path, models, refusals. Nobody calls them; `app` reads the routes for /openapi.json, and a test holds them against what is answered.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query

from schemas.declarations import LibraryName
from schemas.library import LIBRARIES
from schemas.messages.certificates import CertificateVerifyAnswer, CertificateVerifyQuestion
from schemas.messages.exchange import (
    CertificatesQuestion,
    DryRunAnswer,
    Problem,
    RecordsAnswer,
    RecordsQuestion,
    VerifyAnswer,
    VerifyQuestion,
)

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "The question cannot be read. 请求无法解析",
        401: "Signature, clock, nonce or key. 签名、时钟、nonce 或密钥",
        403: "Grant, purpose, item or form. 授权、用途、信息项或形式",
        409: "Replayed nonce, or request id of another question. 重放或请求编号冲突",
        422: "The question is not in form. 请求不符合规范",
        429: "The grant's quota is used up. 超出额度",
        503: "No evidence can be written, so nothing is handed out. 存证不可用",
    }.items()
}
described = APIRouter(tags=["libraries"], responses=REFUSALS)
DryRun = Annotated[bool, Query(alias="dry-run", description="All checks, no data, nothing counted. 试运行")]
Library = Annotated[LibraryName, Path(json_schema_extra={"enum": list(LIBRARIES)})]
RequestId = Annotated[
    str, Header(alias="X-Request-Id", description="UUID; the same id and body give the same receipt. 请求编号")
]
Signature = Annotated[str, Header(alias="Signature", description="RFC 9421, profile hutong-9421/1, label sig1. 签名")]
SignatureInput = Annotated[
    str,
    Header(alias="Signature-Input", description="Covered components, created, expires, nonce, keyid, tag. 签名参数"),
]
Digest = Annotated[str, Header(alias="Content-Digest", description="RFC 9530: sha-256 of the body. 报文摘要")]


def signed(request_id: RequestId, digest: Digest, signature_input: SignatureInput, signature: Signature) -> None:
    """Describe the headers of every signed question."""


SIGNED = [Depends(signed)]


@described.post(
    "/v1/libraries/{library}/query",
    response_model=RecordsAnswer | DryRunAnswer,
    summary="Ask for records 查询",
    dependencies=SIGNED,
)
def query(library: Library, question: RecordsQuestion, dry_run: DryRun = False) -> None:
    """Get the granted items of 1 to 100 subjects, each in the granted form; signed by the caller and by the hub."""


@described.post(
    "/v1/libraries/{library}/verify",
    response_model=VerifyAnswer | DryRunAnswer,
    summary="Compare claimed values 核验",
    dependencies=SIGNED,
)
def verify(library: Library, question: VerifyQuestion, dry_run: DryRun = False) -> None:
    """Get yes or no for each claimed value of 1 to 100 subjects; no stored value is handed out."""


@described.post(
    "/v1/certificates/query",
    response_model=RecordsAnswer | DryRunAnswer,
    summary="Ask for certificates 证照查询",
    dependencies=SIGNED,
)
def certificates(question: CertificatesQuestion, dry_run: DryRun = False) -> None:
    """Get certificates by their holders or by their identifiers."""


@described.post(
    "/v1/certificates/verify",
    response_model=CertificateVerifyAnswer | DryRunAnswer,
    summary="Compare claimed certificate values 证照核验",
    dependencies=SIGNED,
)
def verify_certificates(question: CertificateVerifyQuestion, dry_run: DryRun = False) -> None:
    """Get yes or no for each claimed value of certificates, named by holder, identifier or number."""
