"""Why: a receipt is one file that proves, offline and with public keys only, who asked what, what the hub answered, and that both stand in its log.

One canonical JSON document: `format`, `request`, `response`, `entry`, `proof`, and `stamp` where the hub has its log stamped. No string in it is
uncovered: every one is compared with the entry, the entry is a leaf of the log, the log's root is signed, and the spelling of the file itself is
fixed (sorted keys, one way to write each string, one newline at the end). So any changed byte makes some check fail; a witness's line and the stamp
are covered by their own keys. Bodies may be deleted (`null`): their digests still prove.
Imports neither database nor network: client SDK, `hutong verify` and the portal use it. `evidence.receipts` makes documents from the database.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange_api.evidence import entry_proof, receipt_checks, voucher_checks
from exchange_api.evidence.canonical import canonical_json, parse_strict
from exchange_api.evidence.receipt_checks import Broken, Receipt
from exchange_api.evidence.voucher_checks import Trust
from exchange_api.signing import Request, Response, content_digest
from exchange_api.signing.messages import REQUEST_HEADERS, RESPONSE_HEADERS
from schemas.errors import HutongError, Invalid

FORMAT = "hutong-receipt/1"


@dataclass(frozen=True, slots=True)
class Check:
    """One step of a verification and how it went."""

    name: str
    ok: bool
    detail: str
    is_weak: bool = False
    is_unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All steps; `verified` only when every one went well."""

    verified: bool
    checks: list[Check]

    @property
    def weak(self) -> str | None:
        """Return what the first part says that holds and proves less than it should."""
        return next((check.detail for check in self.checks if check.is_weak), None)

    @property
    def failed(self) -> str | None:
        """Return the name of the first part that failed."""
        return next((check.name for check in self.checks if not check.ok), None)


def compose_receipt(request: Request, response: Response, document: Mapping[str, Any]) -> bytes:
    """Return the receipt file from one's own question and answer and the hub's `{"entry", "proof"}` document."""
    return _write(
        {
            "format": FORMAT,
            "request": {
                "method": request.method,
                "authority": request.authority.lower(),
                "path": request.path,
                "query": request.query,
                "headers": {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers},
                "body": _body(request.body) if "content-digest" in request.headers else None,
            },
            "response": {
                "status": response.status,
                "headers": {name: response.headers[name] for name in RESPONSE_HEADERS if name in response.headers},
                "body": _body(response.body),
            },
            **_proven(document),
        }
    )


def bare_receipt(document: Mapping[str, Any]) -> bytes:
    """Return the receipt file without bodies, from the hub's document alone: everything else stands in the entry."""
    return _write(_from_entry(document))


def earlier_receipt(request: Request, response: Response, document: Mapping[str, Any]) -> bytes:
    """Return the receipt file of the first answer, for a question that was asked again with the same request id.

    The entry speaks of the first messages, so all comes from it; the bodies at hand are put in where they have the entry's digests.
    """
    members = _from_entry(document)
    for part, body in (("request", request.body), ("response", response.body)):
        if members[part]["headers"].get("content-digest") == content_digest(body):
            members[part]["body"] = _body(body)
    return _write(members)


def drop_bodies(data: bytes) -> bytes:
    """Return the receipt with both bodies deleted and only their digests kept, for retention rules."""
    members = parse_strict(data)
    for part in ("request", "response"):
        members[part] = {**members[part], "body": None}
    return _write(members)


def verify_receipt(data: bytes, jwks: Mapping[str, Any], trust: Trust | None = None) -> Report:
    """Check a receipt file against the hub's key set, and witnesses and time stamp against `trust`: never a key from the file alone.

    Says for each part whether it holds.
    """
    try:
        receipt = receipt_checks.read_receipt(data, jwks)
    except (Broken, ValueError, RecursionError) as wrong:
        return Report(verified=False, checks=[Check("format", ok=False, detail=str(wrong))])
    checks = [
        Check("format", ok=True, detail=FORMAT),
        *(_run(name, step, receipt) for name, step in receipt_checks.STEPS),
        *(_run(name, step, receipt) for name, step in voucher_checks.steps(receipt, trust or Trust())),
    ]
    return Report(all(check.ok for check in checks), checks)


def verify_entry(data: bytes, jwks: Mapping[str, Any], trust: Trust | None = None) -> Report:
    """Check an entry with its proof, as the trail and `GET /v1/receipts/{id}` hand it out: that it stands in the log, whatever it speaks of. Any spelling."""
    try:
        held = entry_proof.read(data, jwks)
    except (Broken, ValueError, RecursionError) as wrong:
        return Report(verified=False, checks=[Check("format", ok=False, detail=str(wrong))])
    steps = [("inclusion", receipt_checks.check_inclusion), ("checkpoint_signature", receipt_checks.check_checkpoint)]
    checks = [
        Check("format", ok=True, detail=entry_proof.FORMAT),
        *(_run(name, step, held) for name, step in steps),
        *(_run(name, step, held) for name, step in voucher_checks.steps(held, trust or Trust())),
    ]
    return Report(all(check.ok for check in checks), checks)


def read_jwks(path: Path | None = None) -> tuple[dict[str, Any], Path]:
    """Return the trust root and where it came from: the given JWKS file, else `jwks.json` in the hub's keys folder. Raises Invalid receipt.keys_missing."""
    place = path or _own_keys()
    try:
        found: Any = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as wrong:
        raise Invalid("receipt.keys_missing", path=str(place)) from wrong
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise Invalid("receipt.keys_missing", path=str(place))
    return found, place


def _own_keys() -> Path:
    # has settings: the hub's own machine has them, an application system need not
    from exchange_api.signing.folder import keys_folder

    return keys_folder() / "jwks.json"


def _run(name: str, step: Callable[[Receipt], str], receipt: Receipt) -> Check:
    try:
        found = step(receipt)
        is_unchecked = isinstance(found, voucher_checks.Unchecked)
        return Check(
            name, ok=True, detail=found, is_weak=isinstance(found, receipt_checks.Weak), is_unchecked=is_unchecked
        )
    except (
        Broken,
        HutongError,
        ValueError,
        TypeError,
    ) as wrong:  # a stranger's file: whatever does not fit is a finding
        return Check(name, ok=False, detail=str(wrong))
    except KeyError as missing:
        return Check(name, ok=False, detail=f"{missing} is missing")


def _from_entry(document: Mapping[str, Any]) -> dict[str, Any]:
    asked, answered = document["entry"]["request"], document["entry"]["response"]
    question = {name: asked[name] for name in ("method", "authority", "path", "query", "headers")}
    answer = {"status": answered["status"], "headers": answered["headers"], "body": None}
    return {"format": FORMAT, "request": {**question, "body": None}, "response": answer, **_proven(document)}


def _proven(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the hub's document says for itself: entry, proof, and the time stamp where the hub has its log stamped (None: pending)."""
    return {name: document[name] for name in ("entry", "proof", "stamp") if name in document}


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _write(members: Mapping[str, Any]) -> bytes:
    return canonical_json(members) + b"\n"
