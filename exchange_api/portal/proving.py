"""Why: what a dropped file proves is said in words: of a receipt or an entry with its proof, and who vouches for it beside the hub. Reads the file and the
hub's own settings; personal data in it is checked, never shown. Called by `pages.receipt`.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exchange_api.evidence.checkpoint import bare_note, own_lines, parse_checkpoint, parse_proof
from exchange_api.evidence.cosignature import parse_cosignature
from exchange_api.evidence.receipt import Report
from exchange_api.evidence.voucher_checks import Trust
from exchange_api.evidence.vouching_settings import VouchingSettings
from exchange_api.signing.algorithms import decode_base64


@dataclass(frozen=True)
class Proven:
    """What a file that holds says, without any personal data: who asked what (or which officer did what), when, for what, and what became of it."""

    receipt: str
    at: datetime | None
    kind: str
    library: str
    status: int | None
    service_item: str
    case: str
    keyid: str
    subjects: int
    action: str = ""
    officer: str = ""


@dataclass(frozen=True)
class Vouching:
    """One who vouches for the checkpoint beside the hub: a witness by name, or the time stamping authority (no name), and since when it stood."""

    name: str
    at: datetime


def trust() -> Trust:
    """Return whom this hub believes beside itself: its witnesses and its time stamping authority."""
    settings = VouchingSettings()
    pem = None
    with suppress(OSError):
        pem = settings.tsa_roots.read_bytes() if settings.tsa_roots else None
    keys = tuple(key for key, _ in settings.known_witnesses)
    return Trust(witnesses=keys, authority_pem=pem, policy=settings.tsa_policy or None)


def proven(report: Report, data: bytes) -> Proven | None:
    """Return what a file proves; None when it does not hold."""
    if not report.verified:
        return None
    entry: dict[str, Any] = json.loads(data)["entry"]
    purpose, answer, facts = entry.get("purpose") or {}, entry.get("response") or {}, entry.get("facts") or {}
    return Proven(
        receipt=str(entry.get("id", "")), at=_moment(entry.get("at")), kind=str(entry.get("kind", "")), library=str(entry.get("library") or ""),
        status=answer.get("status"), service_item=str(purpose.get("service_item", "")), case=str(purpose.get("case", "")),
        keyid=str(entry.get("keyid") or ""), subjects=len(entry.get("subjects") or ()), action=str(facts.get("deed") or facts.get("action", "")),
        officer=str(facts.get("officer") or facts.get("actor", "")),
    )  # fmt: skip


def vouchers(data: bytes) -> list[Vouching]:
    """Return who vouches for the checkpoint in a file, as the file says it: whether it holds is told by the checks. Nothing for a file out of form."""
    found: list[Vouching] = []
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a stranger's file
        document = json.loads(data)
        note = parse_proof(document["proof"]).note
        checkpoint, lines = parse_checkpoint(note)
        for line in lines[len(own_lines(checkpoint, lines)) :]:
            witness = parse_cosignature(line)
            found.append(Vouching(witness.name, datetime.fromtimestamp(witness.at, UTC)))
        if document.get("stamp"):
            from exchange_api.evidence.stamping import stamped_at  # needs rfc3161-client

            found.append(Vouching("", stamped_at(decode_base64(document["stamp"]), bare_note(note))))
    return found


def _moment(text: Any) -> datetime | None:
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(text)
    return None
