"""Why: a certificate stands as its register says, as the calendar says, and as its newer versions say; whoever names one is told which of these it is.
Nothing is written into claims for it: superseding follows from the versions that are there, and can be explained by naming them. Called by
`hutong certificate show` and the certificate desk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import serving
from libraries.certificates import flags, states
from schemas.calendar import today
from schemas.library import library


@dataclass(frozen=True)
class Standing:
    """How one certificate stands. status: valid, restricted, expired, ended, superseded or not_found; reason: what it follows from."""

    entry: str
    certificate_type: str | None
    issuer: str | None
    state: str | None
    status: str
    reason: str | None
    superseded_by: str | None
    seal: str | None
    signers: str
    flags: tuple[str, ...]


def read(session: Session, entry: str) -> Standing:
    """Return how a certificate stands today. Raises Invalid `certificate.unknown`."""
    from libraries.certificates.files import get, require_entry  # with it comes all that reads PDF

    row = require_entry(session, entry)
    newer = superseded_by(session, entry)
    status, reason = judge(row, newer, today())
    file = get(session, row["file_digest"]) if row["file_digest"] else None
    signers = "; ".join(one["signer"] for one in file.report if one["signer"]) if file else ""
    return Standing(
        entry, row["certificate_type"], row["issuer"], row["state"], status, reason, newer, file.seal if file else None,
        signers, flags.of(session, entry),
    )  # fmt: skip


def superseded_by(session: Session, entry: str) -> str | None:
    """Return the newest version in force that supersedes a certificate, None when there is none."""
    spec = library("certificate")
    newest = serving.newer_versions(spec, row="c.")
    query = f"SELECT (SELECT max(n.newer) FROM ({newest}) n) FROM library.certificate c WHERE c.entry = :entry"  # noqa: S608 - names of our own definition only
    found: str | None = session.execute(text(query), {"entry": entry}).scalar()
    return found


def judge(row: Mapping[str, Any], newer: str | None, day: date) -> tuple[str, str | None]:
    """Return (status, what it follows from) of a certificate's record on a day; `newer`: the version that supersedes it.

    What ended it weighs more than that it was replaced, and that it was replaced more than that it lapsed.
    """
    state = row["state"]
    status = states.STATUSES.get(state or "", "restricted")
    if status in ("ended", "not_found"):
        return status, "state"
    if newer is not None:
        return "superseded", "newer version"
    if status != "valid":
        return status, "state"
    if row["valid_until"] is not None and row["valid_until"] < day:
        return "expired", "valid_until"
    return "valid", None
