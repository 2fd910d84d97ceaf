"""Why: the API reference must show how a file is brought, which the answering layer takes itself. Nobody calls this function; `app` reads the route."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from exchange_api.routers.machine import REFUSALS, SIGNED

described = APIRouter(tags=["inbox"], responses=REFUSALS)


class FileReceived(BaseModel):
    """What lies in the inbox."""

    resource: str
    file: str
    size: int
    sha256: str
    received_at: datetime
    receipt: str


@described.post(
    "/v1/inbox/{resource}", response_model=FileReceived, summary="Bring a file 交付文件", dependencies=SIGNED
)
def bring(
    resource: Annotated[str, Path(description="Resource whose source is the inbox. 资源标识")],
    name: Annotated[str, Query(description="File name, percent-encoded; the body is the file. 文件名")],
) -> None:
    """Bring one file (body, as it is) for a resource of the caller's department; the same file again is the same answer.

    Instead of a signature: the cookie of a provider's sign-in and its form token as X-CSRF-Token.
    """
