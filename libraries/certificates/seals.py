"""Why: a certificate's file is believed for its seal, so every signature in it is checked when it arrives and what was found is kept. A bad seal never
keeps a file out: what came is evidence too. Called by `files`; only this module and `copies` know pyHanko.

Nothing is fetched: trust is the configured roots and what the signature brings along, judged at the moment of checking.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from schemas.errors import Terminal

UNREADABLE, UNSIGNED, BROKEN, UNVERIFIABLE, INTACT, TRUSTED = (
    "unreadable",
    "unsigned",
    "broken",
    "unverifiable",
    "intact",
    "trusted",
)
_ORDER = (BROKEN, UNVERIFIABLE, INTACT, TRUSTED)
"""A file is as good as its worst signature."""
_ROOTS = ("*.pem", "*.crt", "*.cer", "*.der")
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # it logs names of signers, and what it says is in the report


@dataclass(frozen=True)
class Signature:
    """One signature: what it comes to, by whom (as its certificate says), when (as it says itself), and how much of the file it covers."""

    seal: str
    field: str
    signer: str | None = None
    signed_at: str | None = None
    digest: str | None = None
    coverage: str | None = None
    altered: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class Report:
    """What the signatures of one file come to: `seal` is unreadable, unsigned, broken, unverifiable, intact (not trusted) or trusted."""

    seal: str
    signatures: tuple[Signature, ...] = ()

    def as_facts(self) -> list[dict[str, Any]]:
        """Return the signatures fit for JSON."""
        return [asdict(one) for one in self.signatures]


def read_roots(folder: Path | None) -> list[Any]:
    """Return the trusted root certificates of a folder, none without one. Raises Terminal `certificate.trust_unreadable`."""
    if folder is None:
        return []
    try:
        paths = sorted(str(path) for pattern in _ROOTS for path in folder.glob(pattern))
        if not paths:
            raise ValueError("no .pem, .crt or .cer")
        load: Any = load_certs_from_pemder
        return list(load(paths))
    except (OSError, ValueError) as error:
        raise Terminal("certificate.trust_unreadable", folder=str(folder), reason=str(error)) from error


def check(content: bytes, roots: Iterable[Any] = ()) -> Report:
    """Check every signature of a PDF; never raises for what the file holds."""
    try:
        found = list(PdfFileReader(BytesIO(content), strict=False).embedded_regular_signatures)
    except Exception:  # noqa: BLE001 - a file from outside: whatever its parser stumbles over, it cannot be read
        return Report(UNREADABLE)
    if not found:
        return Report(UNSIGNED)
    trusted = list(roots)
    signatures = tuple(_check_one(one, trusted) for one in found)
    return Report(min((one.seal for one in signatures), key=_ORDER.index), signatures)


def _check_one(signature: EmbeddedPdfSignature, roots: list[Any]) -> Signature:
    name = str(signature.field_name)
    try:
        status = validate_pdf_signature(signature, ValidationContext(trust_roots=roots, allow_fetching=False))
    except PdfError as error:
        return Signature(BROKEN, name, problem=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - SM2 and other algorithms it does not know, malformed CMS: said, not raised
        return Signature(UNVERIFIABLE, name, problem=type(error).__name__)
    return _said(name, status)


def _said(name: str, status: PdfSignatureStatus) -> Signature:
    is_altered = status.docmdp_ok is False  # changed after it was sealed, beyond further seals and form fields
    is_good = status.intact and status.valid and not is_altered
    seal = (TRUSTED if status.trusted else INTACT) if is_good else BROKEN
    at = status.signer_reported_dt
    return Signature(
        seal,
        name,
        signer=str(status.signing_cert.subject.human_friendly),
        signed_at=at.isoformat() if at else None,
        digest=status.md_algorithm,
        coverage=status.coverage.name if status.coverage else None,
        altered=is_altered,
    )
