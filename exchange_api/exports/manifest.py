"""Why: files are fetched one by one, by whoever, over days; what makes them one export is a manifest with the digest of each, signed once.

Signed as a detached JWS (RFC 7515, appendix F) and not as an HTTP message: it is kept beside the files when the answer that brought it is long gone, and any
JOSE library checks it against the hub's JWKS. Framed here around the hub's own `Signer`, because its key may lie in a module no library reaches; tests hold it
against joserfc. Called by `building`.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from exchange_api.evidence.canonical import canonical_json
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.keys import active_signer
from exchange_api.signing import Signer
from schemas.tables.exports import Export, ExportFile

FORMAT = "hutong-export/1"
_ALGORITHMS = {"ed25519": "Ed25519", "ecdsa-p256-sha256": "ES256"}
_NAMED = 400
"""Batches in one evidence entry; further ones go into further entries (`ledger.MAX_BYTES`)."""


def sign_manifest(session: Session, export: Export, files: Sequence[ExportFile], told: dict[str, Any]) -> None:
    """Write the manifest of a whole export, sign it and enter its digest in the log, in the caller's transaction. told: members besides, such as where
    the change feed goes on. Raises Transient `key.none_active`.
    """
    signer = active_signer(session)
    spelled = canonical_json(_manifest(export, files) | told)
    export.manifest, export.signature, export.keyid = spelled.decode(), sign_detached(signer, spelled), signer.keyid
    facts = {
        "action": "export", "export": export.id, "keyid": signer.keyid, "known_at": export.known_at.astimezone(UTC).isoformat(),
        "rows": str(sum(one.rows for one in files)), "sha256": hashlib.sha256(spelled).hexdigest(), "signature": export.signature,
    }  # fmt: skip
    batches = export.batches or []
    entries = [
        _entry(export, facts, batches[start : start + _NAMED]) for start in range(0, max(len(batches), 1), _NAMED)
    ]
    record(session, entries)
    export.manifest_receipt = UUID(entries[0].id)


def sign_detached(signer: Signer, payload: bytes) -> str:
    """Return the compact JWS over a payload with the payload left out."""
    header = {"alg": _ALGORITHMS[signer.algorithm], "kid": signer.keyid, "typ": f"{FORMAT}+json"}
    head = _base64url(json.dumps(header, separators=(",", ":")).encode())
    signature = signer.sign(f"{head}.{_base64url(payload)}".encode())
    return f"{head}..{_base64url(signature)}"


def _entry(export: Export, facts: dict[str, Any], batches: Sequence[str]) -> Entry:
    purpose = {"service_item": export.service_item_id} | ({"case": export.case_number} if export.case_number else {})
    return Entry(
        id=new_receipt_id(), at=datetime.now(UTC), kind="action", application_id=export.application_id, grant_id=export.grant_id,
        purpose=purpose, library=export.library, batches=list(batches), facts=facts,
    )  # fmt: skip


def _manifest(export: Export, files: Sequence[ExportFile]) -> dict[str, Any]:
    purpose = {"service_item": export.service_item_id} | ({"case": export.case_number} if export.case_number else {})
    return {
        "format": FORMAT,
        "export": export.id,
        "grant": export.grant_id,
        "application": export.application_id,
        "purpose": purpose,
        "library": export.library,
        "files_are": export.format,
        "items": export.items,
        "row_rules": export.rows,
        "known_at": export.known_at.astimezone(UTC).isoformat(),
        "as_of": export.as_of.isoformat() if export.as_of else None,
        "rows": sum(one.rows for one in files),
        "files": [
            {
                "number": one.number,
                "name": file_name(export, one.number),
                "rows": one.rows,
                "bytes": one.bytes,
                "sha256": one.sha256,
            }
            for one in files
        ],
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def file_name(export: Export, number: int) -> str:
    """Return what a file is called at whoever fetched it."""
    return f"{export.id}-{number:05d}.{export.format}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
