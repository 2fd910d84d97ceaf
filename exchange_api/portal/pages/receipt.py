"""Why: anyone inside can drop a receipt and see what it proves and what fails, part by part, without believing the hub's word. Called by `mounting`.

The page checks with the same offline verifier as `hutong verify`; personal data in the receipt is checked, never shown.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from exchange_api import keys
from exchange_api.evidence.receipt import Report, verify_receipt
from exchange_api.portal.reading import names
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import AnyVisit, Form, Visit
from exchange_api.portal.words import CHECK
from schemas.errors import Invalid

router = APIRouter()


@dataclass(frozen=True)
class Proven:
    """What a receipt that holds says, without any personal data: who asked what, when, for what, and what became of it."""

    receipt: str
    at: datetime | None
    kind: str
    library: str
    status: int
    service_item: str
    case: str
    keyid: str
    subjects: int


@router.get("/verify")
def show(visit: AnyVisit) -> Response:
    """Show where to drop a receipt."""
    return _page(visit)


@router.post("/verify")
def verify(visit: AnyVisit, form: Form) -> Response:
    """Check the dropped file and show every step with its result."""
    file = form.get("receipt")
    data = file.file.read() if isinstance(file, UploadFile) else b""
    if not isinstance(file, UploadFile) or not data:
        return _page(visit, error=Invalid("portal.nothing_uploaded"))
    report = verify_receipt(data, keys.jwks(visit.session))
    return _page(visit, report=report, proven=_proven(report, data), file_name=file.filename or "")


def _page(visit: Visit, error: Invalid | None = None, **found: Any) -> Response:
    facts = {"report": None, "proven": None, "file_name": "", "names": names(visit.session), "words": CHECK, **found}
    return page(visit, "receipt.html", error.status if error else 200, error=error, **facts)


def _proven(report: Report, data: bytes) -> Proven | None:
    if not report.verified:
        return None
    entry: dict[str, Any] = json.loads(data)["entry"]
    purpose = entry.get("purpose") or {}
    return Proven(
        receipt=entry["id"], at=_moment(entry.get("at")), kind=str(entry.get("kind", "")), library=str(entry.get("library") or ""),
        status=entry["response"]["status"], service_item=str(purpose.get("service_item", "")), case=str(purpose.get("case", "")),
        keyid=str(entry.get("keyid") or ""), subjects=len(entry.get("subjects") or ()),
    )  # fmt: skip


def _moment(text: Any) -> datetime | None:
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(text)
    return None
