"""Why: anyone inside can drop a receipt, or an entry of the trail with its proof, and see what it proves and what fails, part by part, without believing the
hub's word. Called by `mounting`.

The page checks with the same offline verifier as `hutong verify`; personal data in the receipt is checked, never shown.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from exchange_api import keys
from exchange_api.evidence import entry_proof
from exchange_api.evidence.receipt import verify_entry, verify_receipt
from exchange_api.objections import doubting
from exchange_api.portal import proving
from exchange_api.portal.reading import names
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import AnyVisit, Form, Visit
from exchange_api.portal.words import CHECK
from schemas.errors import Denied, Invalid

router = APIRouter()


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
    return _page(visit, file_name=file.filename or "", **_checked(visit, data))


def _checked(visit: Visit, data: bytes) -> dict[str, Any]:
    """Check a file as what it is, a receipt or an entry with its proof."""
    is_entry = entry_proof.is_one(data)
    report = (verify_entry if is_entry else verify_receipt)(data, keys.jwks(visit.session), proving.trust())
    proven = proving.proven(report, data)
    return {
        "report": report,
        "is_entry": is_entry,
        "proven": proven,
        "may_object": proven is not None and not is_entry and _may_object(visit, proven.receipt),
        "vouchers": proving.vouchers(data),
    }


def _may_object(visit: Visit, receipt: str) -> bool:
    """Return whether the visitor may doubt what this receipt handed out: his department's system was handed it."""
    if not visit.has(doubting.OFFICER):
        return False
    try:
        doubting.handed(visit.session, visit.actor, receipt)
    except Denied:
        return False
    return True


def _page(visit: Visit, error: Invalid | None = None, **found: Any) -> Response:
    facts = {
        "report": None, "proven": None, "file_name": "", "is_entry": False, "vouchers": [], "may_object": False,
        "names": names(visit.session), "words": CHECK, **found,
    }  # fmt: skip
    return page(visit, "receipt.html", error.status if error else 200, error=error, **facts)
