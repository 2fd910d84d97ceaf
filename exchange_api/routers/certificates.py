"""Why: the API reference must show how a certificate's file is asked for, which the answering layer takes itself. Nobody calls these functions; `app`
reads the routes.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from exchange_api.routers.machine import REFUSALS, SIGNED
from schemas.messages.certificates import CertificateFileAnswer, CertificateFileQuestion

described = APIRouter(tags=["libraries"], responses=REFUSALS, dependencies=SIGNED)
Address = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{43}$", description="As given; good once, for the asker alone. 一次性地址")
]


@described.post("/v1/certificates/files", response_model=CertificateFileAnswer, summary="Ask for a file 证照文件")
def promise(question: CertificateFileQuestion) -> None:
    """Learn how a certificate stands; for a valid one get a one-time address of its annotated copy (加注件)."""


@described.get(
    "/v1/certificates/files/{address}",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The annotated copy. 加注件"}},
    summary="Fetch an annotated copy 取加注件",
)
def fetch(address: Address) -> None:
    """Fetch the copy, once; the same request id gets it again until the address expires."""
